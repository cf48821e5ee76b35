# steps.py: for each operation, how many times step is typed from the line of test_stepping.c that calls it to its first loop.

import gdb

SOURCE = "tests/debugger/test_stepping.c"


def at_a_loop():
    sal = gdb.newest_frame().find_sal()
    if "tensor/ops/" not in sal.symtab.filename:
        return False
    with open(sal.symtab.fullname(), encoding="utf-8") as file:
        return "for (" in file.read().splitlines()[sal.line - 1]


with open(SOURCE, encoding="utf-8") as source:
    lines = source.read().splitlines()
for operation in ("layernorm", "gelu", "softmax", "linear", "attention"):
    number = next(i for i, line in enumerate(lines, 1) if f"stepped = tensor_{operation}(" in line)
    gdb.execute(f"tbreak {SOURCE}:{number}", to_string=True)
    gdb.execute("continue", to_string=True)
    steps = 0
    while steps < 500 and not at_a_loop():
        gdb.execute("step", to_string=True)
        steps += 1
    print(f"steps to the loop of {operation}: {steps}")
