# look.py: the commands tensor, grad, tape and module.

import re

import gdb

from .modules import Module, is_module, tree_text
from .read import NotOne, struct_name
from .tape import Node, Tape, Tensor, current_tape, stats_text
from .text import View, block_text, l2, l2_text, mean_abs, number, table_text

ROWS = 16
COLUMNS = 8


class Command(gdb.Command):
    """A command of gptape's: what goes wrong is told in one line. The first line of a class's text is its summary."""

    name = None
    kind = gdb.COMMAND_DATA
    completes = gdb.COMPLETE_EXPRESSION

    def __init__(self):
        super().__init__(self.name, self.kind, self.completes)

    def invoke(self, argument, from_tty):
        try:
            self.run(argument.strip())
        except (NotOne, gdb.error) as error:
            raise gdb.GdbError(str(error)) from None

    def say(self, text):
        gdb.write(text if text.endswith("\n") else text + "\n")


def split_slice(text):
    """"x[0,:,3]" into "x" and "0,:,3"; None where no brackets end the text."""
    match = re.fullmatch(r"(.*\S)\s*\[([^\[\]]*)\]\s*", text, re.DOTALL)
    return (match[1], match[2]) if match else (text, None)


def looks_like_tensor(value):
    return struct_name(value.type) == "Tensor"


def tensor_and_slice(text, command):
    """Evaluates T or T[slice]. Brackets behind a tensor choose values; behind anything else they are C's."""
    if not text:
        raise gdb.GdbError(f"{command} what? Name a tensor: {command} x, {command} node->inputs[0], {command} x[0,:,3]")
    base, chosen = split_slice(text)
    if chosen is not None:
        try:
            value = gdb.parse_and_eval(base)
            if looks_like_tensor(value):
                return named(Tensor(value), base), chosen
        except gdb.error:
            pass
    value = gdb.parse_and_eval(text)
    if not looks_like_tensor(value):
        raise gdb.GdbError(f"{text} is no tensor: its type is {value.type}")
    return named(Tensor(value), text), None


def named(tensor, text):
    """The tensor, called by its name, or else as it was typed."""
    tensor.called = tensor.name() or text
    return tensor


def view_of(tensor, values, chosen):
    view = View(values, tensor.shape)
    return view if chosen is None else view.sliced(chosen)


def matrix_text(view):
    return block_text(view.values, view.shape, ROWS, COLUMNS)


class TensorCommand(Command):
    """Show a tensor's values as a matrix.
tensor T, or some of it: tensor T[0], tensor T[0,:,3], tensor T[:,2:5], tensor T[-1].
T is any expression that is a Tensor or a pointer to one. Long axes show their first and last values."""

    name = "tensor"

    def run(self, argument):
        tensor, chosen = tensor_and_slice(argument, self.name)
        view = view_of(tensor, tensor.values(), chosen)
        if chosen is None:
            self.say(f"{tensor.title()}\n    {stats_text(tensor)}\n{matrix_text(view)}")
            return
        shape = "(" + ", ".join(str(size) for size in view.shape) + ")"
        self.say(f"{tensor.called}{view.label} {shape} of {tensor.shape_text()}\n{matrix_text(view)}")


class GradCommand(Command):
    """Show a tensor's gradient dL/dT as a matrix, or say why it has none.
grad T, or some of it: grad T[0,:,3]."""

    name = "grad"

    def run(self, argument):
        tensor, chosen = tensor_and_slice(argument, self.name)
        title = f"dL/d({tensor.called}) {tensor.shape_text()}"
        if not tensor.has_grad():
            self.say(f"{title}: {tensor.grad_state()}")
            return
        values = tensor.grad()
        view = view_of(tensor, values, chosen)
        self.say(f"{title}{view.label}\n    mean |grad| {number(mean_abs(values))}  max |grad| {number(max(map(abs, values)))}  "
                 f"{l2_text(values)}\n{matrix_text(view)}")


class TapeCommand(Command):
    """Show the tape of this thread: a line for each node, in the order of recording.
tape, or tape 12 for node 12 with its inputs, or tape T for the node that made tensor T.
|dL/dy| is the L2 norm of the gradient of the node's output, where it is there now."""

    name = "tape"

    def run(self, argument):
        if argument == "":
            self.table(current_tape())
        elif re.fullmatch(r"\d+", argument):
            tape = current_tape()
            if int(argument) >= tape.n_nodes:
                raise gdb.GdbError(f"There is no node {argument}: the tape has {tape.n_nodes}, counted from 0.")
            self.one(tape.node(int(argument)))
        else:
            self.of_value(gdb.parse_and_eval(argument), argument)

    def of_value(self, value, text):
        kind = struct_name(value.type)
        if kind == "Tape":
            self.table(Tape(value))
        elif kind == "TapeNode":
            self.one(Node(value))
        elif kind == "Tensor":
            node = Tensor(value).node()
            if node is None:
                raise gdb.GdbError(f"{text} is a leaf: no node made it.")
            self.one(node)
        else:
            raise gdb.GdbError(f"{text} is neither a node's number nor a tape, node or tensor.")

    def table(self, tape):
        rows = [("node", "op", "inputs", "shape", "|dL/dy|", "name", "source")]
        for node in tape.nodes():
            name, grad = "?", "?"
            try:
                output = node.output()
                name = output.name() or node.scope()
                grad = number(l2(output.grad())) if output.has_grad() else "-"
            except NotOne:
                pass
            makers = node.makers()
            makers = makers if len(makers) <= 24 else makers[:20] + " ..."
            rows.append((str(node.index), node.op, makers, node.shape_text(), grad, name, node.where(False)))
        self.say(f"{tape.title()}\n{table_text(rows, to_the_right=(0, 4))}")

    def one(self, node):
        lines = [node.title()]
        output = node.output()
        lines.append(f"output   {output.title()}\n           {stats_text(output)}")
        for i, tensor in enumerate(node.inputs()):
            if isinstance(tensor, NotOne):
                lines.append(f"input {i}  {tensor}")
                continue
            maker = tensor.node()
            source = f"node {maker.index}: " if maker else ""
            lines.append(f"input {i}  {source}{tensor.title()}\n           {stats_text(tensor)}")
        self.say("\n".join(lines))


class ModuleCommand(Command):
    """Show the tree of parameters from a module on.
module M: a Module, or any struct that begins with one (module block, module gpt, module &net->layers[0])."""

    name = "module"

    def run(self, argument):
        if not argument:
            raise gdb.GdbError("module what? Name a module: module block, module gpt->h[0].attn")
        value = gdb.parse_and_eval(argument)
        if struct_name(value.type) != "Module" and not is_module(value.type):
            raise gdb.GdbError(f"{argument} is no module: its type is {value.type}")
        self.say(tree_text(Module(value)))
