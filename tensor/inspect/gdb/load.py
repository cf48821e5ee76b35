# gptape in gdb: shows tensors, tapes and modules as what they are, and adds commands: help gptape lists them.
#
# gdb loads this file by itself: it is embedded in every program built with gptape and in libgptape.so (section
# .debug_gdb_scripts) and is read if ~/.config/gdb/gdbinit says once that they are to be trusted:
#
#     add-auto-load-safe-path /where/gptape/or/your/program/is
#
# Elsewhere `source gptape-gdb.py` does the same. It needs only gdb 13 with Python. The Makefile joins it from
# tensor/inspect/gdb/: this loader first, then each module as a text.

import sys
import types


def gptape_module(name, text):
    """Makes module gptape.NAME. Two programs, or a program and the library, may both bring this file: the first one counts."""
    if f"gptape.{name}" in sys.modules:
        return
    module = types.ModuleType(f"gptape.{name}")
    module.__package__ = "gptape"
    sys.modules[module.__name__] = module
    exec(compile(text, f"tensor/inspect/gdb/{name}.py", "exec"), module.__dict__)
