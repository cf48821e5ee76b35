# printers.py: what print shows. A pointer is shown with its address, an argument in a backtrace in a few words.

import re
import textwrap

import gdb

from .modules import Module, is_module, tree_text
from .read import Checked, Invalid, enum_word, flag, struct_name, text_at
from .tape import Node, Tape, Tensor
from .text import matrix_text

CORNER = 6                         # rows and columns of a matrix that print shows; the commands show more


def has_front_end():
    """Does a front end (VS Code) drive gdb through its machine interface? It unfolds things instead of showing lines of text."""
    try:
        with open("/proc/self/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
    except OSError:
        return False
    return any(re.match(r"-{1,2}i(nterpreter)?(=mi|$)", word) for word in words)


FRONT_END = has_front_end()


class Printer:
    """Shows one value: brief() where a frame lists its arguments, else full(). Each kind of struct has a subclass; reads is what it reads it as."""

    reads = Checked

    def __init__(self, value):
        self.value = value
        self.is_pointer = value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR

    def to_string(self):
        in_backtrace = hasattr(gdb, "print_options") and gdb.print_options().get("summary", False)
        try:
            text = (self.brief if in_backtrace else self.full)(self.reads(self.value))
        except Invalid as invalid:
            text = str(invalid)
        except (gdb.error, gdb.GdbError) as error:
            text = f"<unreadable: {error}>"
        return f"{int(self.value):#x} {text}" if self.is_pointer else text

    def brief(self, read):
        return self.full(read)


class Unfolding(Printer):
    """A printer whose parts() a front end can unfold. The front end then shows no text, so tensors do not unfold."""

    if FRONT_END:
        def children(self):
            try:
                yield from self.parts(self.reads(self.value))
            except (Invalid, gdb.error, gdb.GdbError):
                return


class TensorPrinter(Printer):
    reads = Tensor

    def brief(self, tensor):
        return f"{tensor.name()} {tensor.shape_text()}".lstrip()

    def full(self, tensor):
        if FRONT_END:
            return f"{tensor.title()}  {tensor.stats()}  {matrix_text(tensor.values(), (tensor.count,), CORNER, CORNER)}"
        corner = matrix_text(tensor.values(), tensor.shape, CORNER, CORNER)
        return f"{tensor.title()}\n{tensor.stats()}\n{corner}".replace("\n", "\n    ")


class NodePrinter(Unfolding):
    reads = Node

    def brief(self, node):
        return f"node {node.index} {node.op}"

    def full(self, node):
        return f"{node.title()}{'  ' if FRONT_END else chr(10) + '    '}inputs: {node.makers()}"

    def parts(self, node):
        yield "output", node.struct["output"]
        for i in range(node.n_inputs):
            yield f"input {i}", node.struct["inputs"][i]


class TapePrinter(Unfolding):
    reads = Tape

    def brief(self, tape):
        return tape.title()

    def full(self, tape):
        return f"{tape.title()}, {int(tape.struct['arena']['bytes']) / 1024:.1f} KiB of memory in use"

    def parts(self, tape):
        for i in range(tape.n_nodes):
            yield f"[{i}]", tape.struct["nodes"][i]


class ModulePrinter(Unfolding):
    reads = Module

    def brief(self, module):
        return f"{module.class_name} {module.quoted_name()}".rstrip()

    def full(self, module):
        return self.brief(module) if self.is_pointer or FRONT_END else tree_text(module)

    def parts(self, module):
        for i in range(module.n_parameters):
            yield f"parameter {i}", module.struct["parameters"][i]
        for child in module.children():
            yield child.name or child.class_name, child.struct.address


class ConfigPrinter(Printer):
    """GPTConfig in the words of the command line."""

    def full(self, config):
        fields = config.struct.type.strip_typedefs().fields()
        words = [f"{field.name.replace('_', '-')} {field_text(config.struct[field.name])}" for field in fields]
        if FRONT_END:
            return ", ".join(words)
        lines = textwrap.wrap(", ".join(word.replace(" ", "_") for word in words), 76, break_on_hyphens=False)
        return "\n    ".join(lines).replace("_", " ")


def field_text(value):
    code = value.type.strip_typedefs().code
    if code == gdb.TYPE_CODE_BOOL:
        return {True: "on", False: "off", None: "?"}[flag(value)]
    if code == gdb.TYPE_CODE_ENUM:
        return enum_word(value) or "?"
    if code == gdb.TYPE_CODE_PTR:
        return text_at(value) or "none"
    return f"{float(value):g}" if code == gdb.TYPE_CODE_FLT else str(int(value))


PRINTERS = {"Tensor": TensorPrinter, "TapeNode": NodePrinter, "Tape": TapePrinter, "GPTConfig": ConfigPrinter}


class GptapePrinters:
    """The printers, as info pretty-printer lists them; disable pretty-printer global gptape turns them off."""

    name = "gptape"
    enabled = True
    subprinters = None

    def __call__(self, value):
        printer = ModulePrinter if is_module(value.type) else PRINTERS.get(struct_name(value.type))
        return printer(value) if printer else None


gdb.pretty_printers.insert(0, GptapePrinters())
if FRONT_END:                      # a node's output's node's output: where values are printed and not unfolded, this must end
    gdb.execute("set print max-depth 1", to_string=True)
