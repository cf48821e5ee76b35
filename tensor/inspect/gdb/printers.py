# printers.py: what print shows. A pointer is shown with its address; where a frame shows its arguments, in a few words.

import re
import textwrap

import gdb

from .modules import Module, is_module, tree_text
from .read import NotOne, enum_word, flag, struct_at, struct_name
from .tape import Node, Tape, Tensor, stats_text
from .text import block_text

CORNER = 6                         # rows and columns of a matrix that print shows; the commands show more


# A graphical front end (VS Code) talks to gdb in its machine interface and wants things to unfold instead of lines of text.
def has_front_end():
    try:
        with open("/proc/self/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
    except OSError:
        return False
    return any(re.match(r"-{1,2}i(nterpreter)?(=mi|$)", word) for word in words)


FRONT_END = has_front_end()


def in_brief():
    """Is this an argument in a line of a backtrace?"""
    return hasattr(gdb, "print_options") and gdb.print_options().get("summary", False)


class Printer:
    """What the printers share: the address in front of what a pointer points to, and errors in words."""

    def __init__(self, value):
        self.value = value
        self.is_pointer = value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR

    def to_string(self):
        try:
            text = self.brief() if in_brief() else self.in_full()
        except NotOne as wrong:
            text = str(wrong)
        except (gdb.error, gdb.GdbError) as error:
            text = f"<unreadable: {error}>"
        return f"{int(self.value):#x} {text}" if self.is_pointer else text

    def brief(self):
        return self.in_full()


class TensorPrinter(Printer):
    def brief(self):
        tensor = Tensor(self.value)
        return " ".join(part for part in (tensor.name(), tensor.shape_text()) if part)

    def in_full(self):
        tensor = Tensor(self.value)
        line = f"{tensor.title()}\n    {stats_text(tensor)}"
        if FRONT_END:
            return f"{line}  {block_text(tensor.values(), (tensor.count,), CORNER, CORNER)}".replace("\n    ", "  ")
        corner = block_text(tensor.values(), tensor.shape, CORNER, CORNER)
        return line + "\n    " + corner.replace("\n", "\n    ")


class NodePrinter(Printer):
    def brief(self):
        node = Node(self.value)
        return f"node {node.index} {node.op}"

    def in_full(self):
        node = Node(self.value)
        return f"{node.title()}\n    inputs: {node.makers()}".replace("\n    ", "  " if FRONT_END else "\n    ")


class TapePrinter(Printer):
    def brief(self):
        return Tape(self.value).title()

    def in_full(self):
        tape = Tape(self.value)
        return f"{tape.title()}, {int(tape.struct['arena']['bytes']) / 1024:.1f} KiB of memory in use"


class ModulePrinter(Printer):
    def brief(self):
        module = Module(self.value)
        return f'{module.kind} "{module.name}"' if module.name else module.kind

    def in_full(self):
        module = Module(self.value)
        return self.brief() if self.is_pointer or FRONT_END else tree_text(module)


class ConfigPrinter(Printer):
    """GPTConfig in the words of the command line."""

    def in_full(self):
        struct = struct_at(self.value, "GPTConfig")
        words = []
        for field in struct.type.strip_typedefs().fields():
            value = struct[field.name]
            code = field.type.strip_typedefs().code
            name = field.name.replace("_", "-")
            if code == gdb.TYPE_CODE_BOOL:
                word = {True: "on", False: "off", None: "?"}[flag(value)]
            elif code == gdb.TYPE_CODE_ENUM:
                word = enum_word(value) or "?"
            elif code == gdb.TYPE_CODE_FLT:
                word = f"{float(value):g}"
            else:
                word = str(int(value))
            words.append(f"{name} {word}")
        if FRONT_END:
            return ", ".join(words)
        lines = textwrap.wrap(", ".join(word.replace(" ", "_") for word in words), 76, break_on_hyphens=False)
        return "\n    ".join(lines).replace("_", " ")


def node_parts(value):
    node = Node(value)
    yield "output", node.struct["output"]
    for i in range(node.n_inputs):
        yield f"input {i}", node.struct["inputs"][i]


def tape_parts(value):
    tape = Tape(value)
    for i in range(tape.n_nodes):
        yield f"[{i}]", tape.struct["nodes"][i]


def module_parts(value):
    module = Module(value)
    for i in range(module.n_parameters):
        yield f"parameter {i}", module.struct["parameters"][i]
    for child in module.children():
        yield child.name or child.kind, child.struct.address


def unfolding(printer, parts):
    """The printer for a front end, which unfolds what is in a thing. It then shows no text, so tensors are not made to unfold."""
    if not FRONT_END:
        return printer

    class Unfolding(printer):
        def children(self):
            try:
                yield from parts(self.value)
            except (NotOne, gdb.error, gdb.GdbError):
                return

    return Unfolding


PRINTERS = {"Tensor": TensorPrinter, "TapeNode": unfolding(NodePrinter, node_parts), "Tape": unfolding(TapePrinter, tape_parts),
            "Module": unfolding(ModulePrinter, module_parts), "GPTConfig": ConfigPrinter}


class GptapePrinters:
    """The printers, as `info pretty-printer` lists them and `disable pretty-printer global gptape` switches them off."""

    name = "gptape"
    enabled = True
    subprinters = None

    def __call__(self, value):
        name = struct_name(value.type)
        if name in PRINTERS:
            return PRINTERS[name](value)
        if name is not None and is_module(value.type):
            return PRINTERS["Module"](value)
        return None
