# look.py: how commands are made, and the commands tensor, grad, tape and module.

import re

import gdb

from .modules import Module, is_module, tree_text
from .read import Invalid, struct_name
from .tape import Node, Tape, Tensor, current_tape, maker_text
from .text import l2, l2_text, matrix_text, mean_abs, number, select, shape_text, table_text

NUMBER = re.compile("-?[0-9]+")     # isdigit() knows other digits, which int() refuses
COMMANDS = {}                      # name: the first line of its help, for the command gptape


def command(name, kind=gdb.COMMAND_DATA, completes=gdb.COMPLETE_EXPRESSION, words=None, live=False):
    """Makes a gdb command of a function that takes the argument, if words are given only one of them: word -> how messages put it.
    live: the program must be running. The function's docstring is the help, and errors are one line."""
    def make(run):
        def invoke(self, argument, from_tty):
            argument = argument.strip()
            if words and argument not in words:
                raise gdb.GdbError(f"{name}: unknown argument '{argument}' (expected {', or '.join(words.values())})")
            if live and not is_running():
                raise gdb.GdbError("the program is not running (start it with run or start)")
            try:
                run(argument)
            except (Invalid, gdb.error) as error:
                raise gdb.GdbError(str(error)) from None

        type(name, (gdb.Command,), {"__doc__": run.__doc__, "invoke": invoke})(name, kind, completes)
        if kind != gdb.COMMAND_SUPPORT:
            COMMANDS[name] = run.__doc__.splitlines()[0]
        return run
    return make


def say(text):
    gdb.write(text if text.endswith("\n") else text + "\n")


def tensor_and_slice(text, name):
    """The tensor of "T" or "T[0,:,3]", and "0,:,3" or None. Brackets after a tensor select values; elsewhere they are C's."""
    if not text:
        raise gdb.GdbError(f"{name}: name a tensor, as in {name} x, {name} node->inputs[0], {name} x[0,:,3]")
    match = re.fullmatch(r"(.*\S)\s*\[([^\[\]]*)\]\s*", text, re.DOTALL)
    for expression, chosen in ([(match[1], match[2])] if match else []) + [(text, None)]:
        try:
            value = gdb.parse_and_eval(expression)
        except gdb.error:
            if chosen is None:
                raise
            continue
        if struct_name(value.type) == "Tensor":
            tensor = Tensor(value)
            tensor.called = tensor.name() or expression
            return tensor, chosen
    raise gdb.GdbError(f"{text} is not a tensor: its type is {value.type}")


def view(tensor, values, chosen):
    """The values chosen, their shape, and "[0,:,3]" or ""."""
    return (values, tensor.shape, "") if chosen is None else (*select(values, tensor.shape, chosen), f"[{chosen}]")


@command("tensor")
def tensor_command(argument):
    """Show a tensor's values as a matrix.
Usage: tensor T, or some of its values: tensor T[0], tensor T[0,:,3],
tensor T[:,2:5], tensor T[-1]. T is any expression that is a Tensor or a pointer
to one. Long axes show their first and last values."""
    tensor, chosen = tensor_and_slice(argument, "tensor")
    values, shape, label = view(tensor, tensor.values(), chosen)
    title = f"{tensor.called}{label} {shape_text(shape)} of {tensor.shape_text()}" if label else f"{tensor.title()}\n    {tensor.stats()}"
    say(f"{title}\n{matrix_text(values, shape)}")


@command("grad")
def grad_command(argument):
    """Show a tensor's gradient dL/dT as a matrix, or say why it has none.
Usage: grad T, or some of its values: grad T[0,:,3]."""
    tensor, chosen = tensor_and_slice(argument, "grad")
    title = f"dL/d({tensor.called}) {tensor.shape_text()}"
    if not tensor.has_grad:
        say(f"{title}: {tensor.why_no_grad()}")
        return
    grad = tensor.grad()
    values, shape, label = view(tensor, grad, chosen)
    say(f"{title}{label}\n    mean |grad| {number(mean_abs(grad))}  max |grad| {number(max(map(abs, grad)))}  {l2_text(grad)}\n"
        f"{matrix_text(values, shape)}")


@command("tape")
def tape_command(argument):
    """Show this thread's tape, a line per node in order of recording.
Usage: tape, or tape 12 for node 12 with its inputs, or tape T for the node that
made tensor T. |dL/dy| is the L2 norm of the gradient of the node's output, if
it has one now."""
    if not argument:
        say(tape_text(current_tape()))
    elif NUMBER.fullmatch(argument):
        say(node_text(existing_node(current_tape(), int(argument), "tape")))
    else:
        value = gdb.parse_and_eval(argument)
        kind = struct_name(value.type)
        if kind not in ("Tape", "TapeNode", "Tensor"):
            raise gdb.GdbError(f"{argument} is not a node's number, a tape, a node or a tensor")
        node = Tensor(value).node() if kind == "Tensor" else None
        if kind == "Tensor" and node is None:
            raise gdb.GdbError(f"{argument} is a leaf: no node made it")
        say(tape_text(Tape(value)) if kind == "Tape" else node_text(node or Node(value)))


def existing_node(tape, index, name):
    if not 0 <= index < tape.n_nodes:
        expected = f"expected 0 to {tape.n_nodes - 1}" if tape.n_nodes > 0 else "the tape is empty"
        raise gdb.GdbError(f"{name}: no node {index} ({expected})")
    return tape.node(index)


def tape_text(tape):
    rows = [("node", "op", "inputs", "shape", "|dL/dy|", "name", "source")]
    for node in tape.nodes():
        try:
            output = node.output()
            grad = number(l2(output.grad())) if output.has_grad else "-"
            shape, name = output.shape_text(), output.name() or node.scope
        except Invalid:
            shape, name, grad = "?", "?", "?"
        makers = node.makers()
        makers = makers if len(makers) <= 24 else makers[:20] + " ..."
        rows.append((str(node.index), node.op, makers, shape, grad, name, node.where(False)))
    return f"{tape.title()}\n{table_text(rows, to_the_right=(0, 4))}"


def node_text(node):
    output = node.output()
    lines = [node.title(), f"output   {output.title()}\n           {output.stats()}"]
    for i, tensor in enumerate(node.inputs()):
        text = str(tensor) if isinstance(tensor, Invalid) else (
            f"{maker_text(tensor, '', 'node {}: ')}{tensor.title()}\n           {tensor.stats()}")
        lines.append(f"input {i}  {text}")
    return "\n".join(lines)


@command("module")
def module_command(argument):
    """Show the tree of modules and parameters below a module.
Usage: module M, where M is a Module or a struct that begins with one:
module block, module gpt, module &net->layers[0]."""
    if not argument:
        raise gdb.GdbError("module: name a module, as in module block, module gpt->h[0].attn")
    value = gdb.parse_and_eval(argument)
    if not is_module(value.type):
        raise gdb.GdbError(f"{argument} is not a module: its type is {value.type}")
    say(tree_text(Module(value)))


def is_running():
    """Is there a program that can continue? Not behind a core file."""
    inferior = gdb.selected_inferior()
    core = inferior.connection is not None and inferior.connection.type == "core"
    return inferior.pid != 0 and not core and any(thread.is_valid() for thread in inferior.threads())


def frame_variable(name):
    """A variable of the newest frame. gdb.GdbError if it is not there."""
    try:
        value = gdb.newest_frame().read_var(name)
    except ValueError:
        raise gdb.GdbError(f"there is no variable {name} here") from None
    if value.is_optimized_out:
        raise gdb.GdbError(f"{name} is optimized out here (make DEBUG=1 builds without optimization)")
    return value
