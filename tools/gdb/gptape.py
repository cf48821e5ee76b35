# gptape.py: gptape in gdb. It shows tensors, tapes and modules as what they are, and adds commands: help gptape lists them.
#
# gdb loads this file by itself: it travels in every program built with gptape and in libgptape.so (section .debug_gdb_scripts)
# and is read if gdb is told once that they are to be trusted, in ~/.config/gdb/gdbinit:
#
#     add-auto-load-safe-path /where/gptape/or/your/program/is
#
# Elsewhere `source gptape.py` does the same. It needs gdb 13 with Python, and nothing else.
#
# Looking only reads memory, and never calls the program: it works on core files, and at any line. What it reads may be
# uninitialised, freed or wrong: nothing is believed before it has been checked, and what fails is shown as <not a tensor: why>.
#
# In this order: 1 reading, 2 tensors, 3 values as text, 4 tape and nodes, 5 modules, 6 printers, 7 commands that look,
# 8 commands that stop, 9 lessons.

import array
import math
import operator
import os
import re
import subprocess
import textwrap

import gdb

MAX_DIMS = 4
MOST_VALUES = 1 << 34              # a shape of more is no shape
MOST_READ = 1 << 28                # values read at once: 1 GiB of float32
MOST_MODULES = 100000


class NotOne(Exception):
    """What is looked at is not what it should be; the message says why."""

    def __init__(self, kind, why):
        super().__init__(f"<not a {kind}: {why}>")


# ------------------------------------------------------------------------------------------------------------
# 1. Reading


def address_of(value):
    """The address that a pointer holds, or of a struct; 0 for a struct that lies in registers."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return int(value)
    return 0 if value.address is None else int(value.address)


def struct_name(gdb_type):
    """"Tensor" for Tensor, const Tensor *, and the like; None for what is no struct nor a pointer to one."""
    stripped = gdb_type.strip_typedefs()
    if stripped.code == gdb.TYPE_CODE_PTR:
        stripped = stripped.target().strip_typedefs()
    return stripped.unqualified().tag if stripped.code == gdb.TYPE_CODE_STRUCT else None


def struct_at(value, kind):
    """The struct that value is or points to. NotOne if there is none in memory."""
    try:
        if value.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
            value.fetch_lazy()
            return value
        if int(value) == 0:
            raise NotOne(kind, "NULL")
        struct = value.dereference()
        struct.fetch_lazy()
        return struct
    except gdb.MemoryError:
        raise NotOne(kind, f"there is no memory at {int(value):#x}") from None
    except gdb.error as error:
        raise NotOne(kind, str(error)) from None


def text_at(pointer, limit=200):
    """The C string at pointer; "" for NULL; None if there is none."""
    try:
        if int(pointer) == 0:
            return ""
        data = bytes(gdb.selected_inferior().read_memory(int(pointer), 1))
        text = pointer.string("utf-8", "strict", limit) if data != b"\0" else ""
    except (gdb.error, UnicodeDecodeError):
        try:
            text = pointer.string("utf-8", "strict")       # shorter than limit, at the end of readable memory
        except (gdb.error, UnicodeDecodeError):
            return None
    text = text.split("\0")[0]
    return text if text.isprintable() else None


def flag(value):
    """A bool that is 0 or 1, or None: memory that was never set seldom is."""
    byte = int(value.cast(gdb.lookup_type("unsigned char")))
    return bool(byte) if byte in (0, 1) else None


def enum_word(value):
    """"softmax" for OP_SOFTMAX, None for a number that is no constant of its enum."""
    for field in value.type.strip_typedefs().fields():
        if field.enumval == int(value) and not field.name.endswith("_COUNT"):
            return field.name.split("_", 1)[1].lower()
    return None


def where_text(where, function=True):
    """"gpt/block.c:43, block_forward()", or "" for a place that is none."""
    file = text_at(where["file"])
    if not file:
        return ""
    name = text_at(where["function"])
    return f"{file}:{int(where['line'])}" + (f", {name}()" if function and name else "")


def read_values(pointer, count):
    """count numbers at pointer, float or double as its type says, in one read."""
    size = pointer.type.strip_typedefs().target().strip_typedefs().sizeof
    values = array.array("f" if size == 4 else "d")
    values.frombytes(bytes(gdb.selected_inferior().read_memory(int(pointer), count * size)))
    return values


def is_readable(pointer, count):
    """Is there memory at the first and the last of count numbers?"""
    size = pointer.type.strip_typedefs().target().strip_typedefs().sizeof
    inferior = gdb.selected_inferior()
    try:
        inferior.read_memory(int(pointer), size)
        inferior.read_memory(int(pointer) + (count - 1) * size, size)
        return True
    except gdb.error:
        return False


# ------------------------------------------------------------------------------------------------------------
# 2. Tensors


class Tensor:
    """A tensor in the program, checked. Its numbers are read when they are asked for."""

    def __init__(self, value):
        self.struct = struct_at(value, "tensor")
        self.address = address_of(value)
        try:
            self._check()
        except gdb.error as error:
            raise NotOne("tensor", str(error)) from None

    def _check(self):
        struct = self.struct
        ndim = int(struct["shape"]["ndim"])
        if not 0 <= ndim <= MAX_DIMS:
            raise NotOne("tensor", f"it would have {ndim} dimensions")
        self.shape = tuple(int(struct["shape"]["size"][d]) for d in range(ndim))
        self.count = math.prod(self.shape)
        if any(size < 1 for size in self.shape) or self.count > MOST_VALUES:
            raise NotOne("tensor", f"its shape would be {self.shape_text()}")
        flags = [flag(struct[name]) for name in ("requires_grad", "retain_grad", "alive")]
        if None in flags:
            raise NotOne("tensor", "memory that was never set, or belongs to something else by now")
        self.requires_grad, self.retain_grad, alive = flags
        if not alive:
            made = where_text(struct["where"])
            if not made and int(struct["data"]) == 0:
                raise NotOne("tensor", "memory of zeros, in which none was made yet")
            raise NotOne("tensor", "its tape was reset" + (f"; it was made at {made}" if made else ""))
        if int(struct["data"]) == 0 or not is_readable(struct["data"], self.count):
            raise NotOne("tensor", "its values are not in memory")
        if int(struct["grad"]) != 0 and not is_readable(struct["grad"], self.count):
            raise NotOne("tensor", "its gradient is not in memory")

    def shape_text(self):
        return "(" + ", ".join(str(size) for size in self.shape) + ")"

    def name(self):
        parts = [text_at(self.struct["scope"]), text_at(self.struct["label"])]
        return ".".join(part for part in parts if part)

    def node(self):
        """The node that made it, or None: a leaf, or made with nothing recorded."""
        if int(self.struct["node"]) == 0:
            return None
        try:
            return Node(self.struct["node"])
        except NotOne:
            return None

    def is_parameter(self):
        return int(self.struct["tape"]) == 0 and int(self.struct["node"]) == 0 and self.requires_grad

    def has_grad(self):
        return int(self.struct["grad"]) != 0

    def values(self):
        return self._read("data")

    def grad(self):
        return self._read("grad")

    def _read(self, field):
        if self.count > MOST_READ:
            raise gdb.GdbError(f"{self.count} values are too many to read at once")
        try:
            return read_values(self.struct[field], self.count)
        except gdb.error:
            raise NotOne("tensor", "its values are not in memory") from None

    def origin(self):
        """"= add  [gpt/block.c:43, block_forward()]", "parameter", "leaf  [...]"."""
        node = self.node()
        place = where_text(self.struct["where"])
        place = f"  [{place}]" if place else ""
        if node is not None:
            return f"= {node.op}{place}"
        if self.is_parameter():
            return "parameter"
        return ("leaf, wants a gradient" if self.requires_grad else "leaf") + place

    def title(self):
        return " ".join(part for part in (self.name(), self.shape_text(), self.origin()) if part)

    def grad_state(self):
        """Why there is no gradient to see."""
        if not self.requires_grad:
            return "wants none: nothing that it was computed from requires a gradient"
        if self.retain_grad:
            return "none yet: no backward pass has reached it"
        return "none now: backward has not reached it, or has passed it on (tensor_retain_grad keeps it)"


def finite_of(values):
    """The finite ones: values itself if all are, which their sum tells at once."""
    return values if math.isfinite(sum(values)) else [value for value in values if math.isfinite(value)]


def l2(values):
    """sqrt(sum x^2) of the finite ones, summed in double."""
    total = sum(map(operator.mul, values, values))
    return math.sqrt(total) if math.isfinite(total) else math.sqrt(sum(value * value for value in finite_of(values)))


def bad_text(values):
    """"2 NaN, 1 inf", or "" if all are finite."""
    if math.isfinite(sum(values)):
        return ""
    counts = ((sum(map(math.isnan, values)), "NaN"), (sum(map(math.isinf, values)), "inf"))
    return ", ".join(f"{count} {word}" for count, word in counts if count > 0)


def mean_abs(values):
    return sum(map(abs, values)) / len(values)


def number(value):
    return f"{value:.4g}"


def l2_text(values):
    return "  ".join(word for word in (f"|grad| {number(l2(values))}", bad_text(values)) if word)


def stats_text(tensor):
    """"min -1.2  mean 0.01  max 1.3  |grad| 0.4": |grad| is the L2 norm of the gradient."""
    values = tensor.values()
    finite = finite_of(values) or [math.nan]
    words = [f"min {number(min(finite))}", f"mean {number(sum(finite) / len(finite))}", f"max {number(max(finite))}"]
    words += [bad_text(values)] if finite is not values else []
    words.append(l2_text(tensor.grad()) if tensor.has_grad() else "no grad")
    return "  ".join(words)


# ------------------------------------------------------------------------------------------------------------
# 3. Values as text: rows and columns, long axes shortened, as tensor_print shows them


class View:
    """Some of a tensor's values: a flat list of numbers and a shape. label says which slice it is."""

    def __init__(self, values, shape, label=""):
        self.values = values
        self.shape = shape
        self.label = label

    def sliced(self, text):
        """The view that "0,:,3" chooses: one number, or start:stop, for each axis from the first on."""
        strides = [math.prod(self.shape[d + 1:]) for d in range(len(self.shape))]
        parts = [part.strip() for part in text.split(",")]
        if len(parts) > len(self.shape):
            raise gdb.GdbError(f"[{text}] has {len(parts)} indices; the tensor has {len(self.shape)} dimensions")
        start, shape, steps = 0, [], []
        for d, size in enumerate(self.shape):
            chosen = parse_index(parts[d] if d < len(parts) else ":", d, size)
            start += chosen.start * strides[d]
            if not isinstance(chosen, Single):
                shape.append(chosen.stop - chosen.start)
                steps.append(strides[d])
        values = gather(self.values, start, shape, steps)
        return View(values, tuple(shape), f"[{text}]")

    def as_matrix(self):
        """(rows, columns): all but the last axis together."""
        columns = self.shape[-1] if self.shape else 1
        return len(self.values) // columns, columns


class Single:
    def __init__(self, index):
        self.start = index


def parse_index(text, d, size):
    """"3", "-1", ":", "1:4" as Single or range; gdb.GdbError if it is none or beyond the axis."""
    match = re.fullmatch(r"\s*(-?\d+)?\s*(:)?\s*(-?\d+)?\s*", text)
    if match is None or not (match[1] or match[2]) or (match[3] and not match[2]):
        raise gdb.GdbError(f"'{text}' is no index: write 3, -1, : or 1:4")

    def place(word, otherwise):
        index = otherwise if word is None else int(word)
        return index + size if index < 0 else index

    if match[2] is None:
        index = place(match[1], 0)
        if not 0 <= index < size:
            raise gdb.GdbError(f"index {text} is beyond axis {d}, whose size is {size}")
        return Single(index)
    chosen = range(place(match[1], 0), place(match[3], size))
    if not 0 <= chosen.start < chosen.stop <= size:
        raise gdb.GdbError(f"{text} chooses nothing of axis {d}, or goes beyond its size, {size}")
    return chosen


def gather(values, start, shape, steps):
    if not shape:
        return values[start:start + 1]
    if steps[-1] == 1 and len(shape) == 1:
        return values[start:start + shape[0]]
    out = values[0:0]
    for i in range(shape[0]):
        out.extend(gather(values, start + i * steps[0], shape[1:], steps[1:]))
    return out


def shown(size, most):
    """The indices of an axis that are shown, None where some are left out."""
    if size <= most:
        return list(range(size))
    edge = most // 2
    return list(range(edge)) + [None] + list(range(size - edge, size))


def value_text(value):
    return f"{value:11.4g}"


def block_text(values, shape, rows, columns, depth=0):
    """Nested brackets, a row a line. rows, columns: how many are shown of a longer axis."""
    if len(shape) <= 1:
        parts = ["  ..." if i is None else value_text(values[i]) for i in shown(len(values), columns)]
        return "[" + " ".join(parts) + "]"
    inner = len(values) // shape[0]
    parts = ["..." if i is None else block_text(values[i * inner:(i + 1) * inner], shape[1:], rows, columns, depth + 1)
             for i in shown(shape[0], rows)]
    return "[" + ("\n" + " " * (depth + 1)).join(parts) + "]"


CORNER = 6                         # rows and columns that print shows; the commands show more
ROWS = 16
COLUMNS = 8


# ------------------------------------------------------------------------------------------------------------
# 4. Tape and nodes


class Node:
    """A node of a tape, checked."""

    def __init__(self, value):
        self.struct = struct_at(value, "node")
        self.address = address_of(value)
        try:
            self._check()
        except gdb.error as error:
            raise NotOne("node", str(error)) from None

    def _check(self):
        struct = self.struct
        self.op = enum_word(struct["op"])
        self.index = int(struct["index"])
        self.n_inputs = int(struct["n_inputs"])
        if self.op is None or self.index < 0 or not 0 <= self.n_inputs <= 1 << 20:
            raise NotOne("node", "memory that was never set, or belongs to something else by now")
        try:
            output = struct_at(struct["output"], "tensor")
        except NotOne:
            raise NotOne("node", "it has no output; its tape was reset") from None
        if not flag(output["alive"]) or self.address not in (0, int(output["node"])):
            raise NotOne("node", "its tape was reset")

    def output(self):
        return Tensor(self.struct["output"])

    def inputs(self):
        """Its inputs, each a Tensor or the NotOne that says why it is none."""
        found = []
        for i in range(self.n_inputs):
            try:
                found.append(Tensor(self.struct["inputs"][i]))
            except NotOne as wrong:
                found.append(wrong)
            except gdb.error as error:
                found.append(NotOne("tensor", str(error)))
        return found

    def makers(self):
        """"leaf 3": the numbers of the nodes that made its inputs."""
        words = []
        for tensor in self.inputs():
            maker = tensor.node() if isinstance(tensor, Tensor) else None
            words.append(str(maker.index) if maker else "?" if isinstance(tensor, NotOne) else "leaf")
        return " ".join(words)

    def scope(self):
        return text_at(self.struct["scope"]) or ""

    def where(self, function=True):
        return where_text(self.struct["where"], function)

    def shape_text(self):
        try:
            return self.output().shape_text()
        except NotOne:
            return "?"

    def title(self):
        place = self.where()
        scope = self.scope()
        return (f"node {self.index} {self.op} {self.shape_text()}" + (f" in {scope}" if scope else "") +
                (f"  [{place}]" if place else ""))


class Tape:
    """A tape, checked."""

    def __init__(self, value):
        self.struct = struct_at(value, "tape")
        try:
            self.n_nodes = int(self.struct["n_nodes"])
            capacity = int(self.struct["capacity"])
            if not 0 <= self.n_nodes <= capacity < 1 << 30 or int(self.struct["round"]) not in (0, 1):
                raise NotOne("tape", "memory that was never set, or it was freed")
            if self.n_nodes > 0:
                self.struct["nodes"][self.n_nodes - 1].fetch_lazy()
                if int(self.struct["arena"]["bytes"]) == 0:
                    raise NotOne("tape", "it was freed: it has nodes, but no memory")
        except gdb.error as error:
            raise NotOne("tape", str(error)) from None

    def node(self, index):
        try:
            return Node(self.struct["nodes"][index])
        except gdb.error as error:
            raise NotOne("node", str(error)) from None

    def nodes(self):
        """All nodes that can be read, in the order of recording."""
        for index in range(self.n_nodes):
            try:
                yield self.node(index)
            except NotOne:
                continue

    def title(self):
        scope = text_at(self.struct["scope"])
        words = [f"tape of {self.n_nodes} nodes"]
        if int(self.struct["no_grad_depth"]) > 0:
            words.append("not recording now")
        if scope:
            words.append(f"in module {scope}")
        return ", ".join(words)


def current_tape():
    """The tape of the selected thread. gdb.GdbError if it has none."""
    found = [tape for tape in tapes_of_thread() if tape is not None]
    if not found:
        raise gdb.GdbError("There is no tape now: the program does not run, or has not called tape_create, or has freed it.")
    return max(found, key=lambda tape: tape.n_nodes)


def tapes_of_thread():
    """What current_tape of tensor/tape.c holds, in float32 and in double; else what the frames call a tape."""
    for symbol in gdb.lookup_static_symbols("current_tape"):
        try:
            yield Tape(symbol.value())
        except (gdb.error, NotOne):
            continue
    try:
        frame = gdb.selected_frame()
    except gdb.error:
        return
    while frame is not None:
        try:
            value = frame.read_var("tape")
            if struct_name(value.type) == "Tape":
                yield Tape(value)
        except (ValueError, gdb.error, NotOne):
            pass
        frame = frame.older()


def table_text(rows, to_the_right=()):
    """Rows of words as aligned columns."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [word.rjust(width) if c in to_the_right else word.ljust(width)
                 for c, (word, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------------
# 5. Modules


class Module:
    """A module of the tree, checked: a Module, or a struct that begins with one (Linear, Block, GPT)."""

    def __init__(self, value):
        struct = struct_at(value, "module")
        try:
            if struct_name(struct.type) != "Module":
                struct = struct["module"]
            self.struct = struct
            self.address = address_of(struct)
            if int(struct["kind"]) == 0:
                raise NotOne("module", "it is not part of a tree, or was freed")
            self.kind = text_at(struct["kind"]["name"])
            self.name = text_at(struct["name"])
            self.n_parameters = int(struct["n_parameters"])
            most = struct["parameters"].type.range()[1] + 1
        except gdb.error as error:
            raise NotOne("module", str(error)) from None
        if not self.kind or self.name is None or not 0 <= self.n_parameters <= most:
            raise NotOne("module", "memory that was never set, or belongs to something else by now")

    def parameters(self):
        for i in range(self.n_parameters):
            try:
                yield Tensor(self.struct["parameters"][i])
            except NotOne as wrong:
                yield wrong

    def children(self):
        child = self.struct["first_child"]
        seen = set()
        while int(child) != 0 and int(child) not in seen and len(seen) < MOST_MODULES:
            seen.add(int(child))
            module = Module(child)
            yield module
            child = module.struct["next_sibling"]

    def title(self):
        words = [f'{self.kind} "{self.name}"' if self.name else self.kind]
        for parameter in self.parameters():
            if isinstance(parameter, NotOne):
                words.append(str(parameter))
            else:
                words.append(f"{text_at(parameter.struct['label']) or '?'} {parameter.shape_text()}")
        return "  ".join(words)

    def walk(self, depth=0, seen=None):
        """Itself and all below, with how deep. Ends in a tree whose links are wrong, too."""
        seen = set() if seen is None else seen
        if self.address in seen or len(seen) >= MOST_MODULES or depth > 100:
            return
        seen.add(self.address)
        yield self, depth
        try:
            for child in self.children():
                yield from child.walk(depth + 1, seen)
        except (NotOne, gdb.error):
            return


def tree_text(root):
    """The tree, and how many values it has, a shared parameter counted once."""
    lines = []
    seen = {}
    path = []
    for module, depth in root.walk():
        path[depth:] = [module.name]
        words = module.title()
        if depth > 0:
            below = module.name[len(path[depth - 1]):].lstrip(".")     # what its parent's name does not say already
            words = words.replace(f'"{module.name}"', below, 1)
        lines.append("  " * depth + words)
        for parameter in module.parameters():
            if isinstance(parameter, Tensor):
                seen[parameter.address] = parameter.count
    lines.append(f"{sum(seen.values())} values in {len(seen)} parameters")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------------
# 6. Printers. A pointer is shown with its address; where a frame shows its arguments, in a few words.

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


def is_module(gdb_type):
    """Does the struct, or what is pointed to, begin with a Module?"""
    stripped = gdb_type.strip_typedefs()
    if stripped.code == gdb.TYPE_CODE_PTR:
        stripped = stripped.target().strip_typedefs()
    if stripped.code != gdb.TYPE_CODE_STRUCT:
        return False
    fields = stripped.fields()
    return bool(fields) and fields[0].name == "module" and struct_name(fields[0].type) == "Module"


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


# ------------------------------------------------------------------------------------------------------------
# 7. Commands that look


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


BAR = 40


def bar_text(value, least, most):
    """A bar on a logarithmic axis from least to most."""
    if value <= 0 or not math.isfinite(value):
        return ""
    if most <= least:
        return "#" * BAR
    share = (math.log10(value) - math.log10(least)) / (math.log10(most) - math.log10(least))
    return "#" * max(1, round(BAR * share))


class GradflowCommand(Command):
    """Show the mean size of each gradient that is there now, as bars: the parameters on the tape, in the order of their use.
gradflow shows weights; gradflow all also biases, LayerNorm's parameters, and what tensor_retain_grad keeps.
The bars' axis is logarithmic, each ten-fold the same length, from a tenth of the smallest to the largest."""

    name = "gradflow"
    completes = gdb.COMPLETE_NONE

    def run(self, argument):
        if argument not in ("", "all"):
            raise gdb.GdbError("gradflow, or gradflow all")
        rows = [(tensor.name() or f"made at {where_text(tensor.struct['where'], False)}", mean_abs(tensor.grad()) if tensor.has_grad() else None)
                for tensor in self.tensors(current_tape(), argument == "all")]
        if not rows:
            raise gdb.GdbError("Nothing on the tape is a weight or keeps its gradient" + (" (try gradflow all)." if not argument else "."))
        positive = [value for _, value in rows if value and math.isfinite(value)]
        most = max(positive, default=1)
        least = min(positive, default=1) / 10
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            figure = "not yet" if value is None else number(value)
            self.say(f"{name:{width}}  {figure:>10}  {bar_text(value or 0, least, most)}".rstrip())

    def tensors(self, tape, everything):
        seen = set()
        for node in tape.nodes():
            candidates = [tensor for tensor in node.inputs() if isinstance(tensor, Tensor) and tensor.node() is None]
            if everything:
                candidates += [node.output()]
            for tensor in candidates:
                weight = tensor.is_parameter() and len(tensor.shape) >= 2
                kept = everything and tensor.requires_grad and tensor.retain_grad
                if (weight or kept) and tensor.address not in seen:
                    seen.add(tensor.address)
                    yield tensor


# Five steps from the largest negative to the largest positive value, in xterm's 256 colours and in letters.
COOL_TO_WARM = (21, 27, 33, 75, 117, 159, 255, 229, 222, 215, 208, 202, 196)
SHADES = " .:-=+*#%@"
HEAT_ROWS, HEAT_COLUMNS = 32, 48


def shrink(view):
    """The values as at most HEAT_ROWS x HEAT_COLUMNS means of neighbours."""
    rows, columns = view.as_matrix()
    tall = -(-rows // HEAT_ROWS)
    wide = -(-columns // HEAT_COLUMNS)
    out = []
    for r in range(0, rows, tall):
        line = []
        for c in range(0, columns, wide):
            cells = [value for i in range(r, min(r + tall, rows))
                     for value in view.values[i * columns + c:i * columns + min(c + wide, columns)]]
            finite = [value for value in cells if math.isfinite(value)]
            line.append(sum(finite) / len(finite) if len(finite) == len(cells) else
                        (-math.inf if all(value == -math.inf for value in cells) else math.nan))
        out.append(line)
    return out, tall, wide


def heat_cell(value, most, coloured):
    """Two columns of the terminal: blue for negative, white for 0, red for positive; a letter where there are no colours."""
    if math.isnan(value):
        return "??"
    if value == -math.inf:
        return "--"
    share = 0 if most == 0 else max(-1.0, min(1.0, value / most))
    if coloured:
        colour = COOL_TO_WARM[round((share + 1) / 2 * (len(COOL_TO_WARM) - 1))]
        return f"\033[48;5;{colour}m  \033[0m"
    letter = SHADES[round(abs(share) * (len(SHADES) - 1))]
    return ("-" if share < 0 and letter != " " else " ") + letter


class HeatCommand(Command):
    """Show a tensor as a picture of coloured blocks: blue is negative, white 0, red positive; -- is -inf, ?? NaN.
heat T, heat T[0,1]. Axes before the last two are laid below each other; more than 32 x 48 values are shown as means of neighbours.
Without colours (set style enabled off, or no terminal) the darker letter is the larger, with a - before negative ones."""

    name = "heat"

    def run(self, argument):
        tensor, chosen = tensor_and_slice(argument, self.name)
        view = view_of(tensor, tensor.values(), chosen)
        cells, tall, wide = shrink(view)
        finite = [abs(value) for line in cells for value in line if math.isfinite(value)]
        most = max(finite, default=0)
        coloured = gdb.parameter("style enabled") and os.environ.get("TERM", "dumb") != "dumb" and not FRONT_END
        rows, columns = view.as_matrix()
        lines = [f"{tensor.called}{view.label}, {rows} rows of {columns}, from {number(-most)} to {number(most)}"]
        if tall > 1 or wide > 1:
            lines[0] += f", each block the mean of {tall} x {wide}"
        lines += ["".join(heat_cell(value, most, coloured) for value in line) for line in cells]
        self.say("\n".join(line.rstrip() for line in lines))


PLOT_LINES = 8


class PlotCommand(Command):
    """Draw a tensor through gnuplot: each row a line over its columns, in the terminal; or a picture.
plot T, plot T[0]; plot T FILE.png (or .svg, .pdf) draws a matrix as colours, a vector as a line."""

    name = "plot"

    def run(self, argument):
        match = re.fullmatch(r"(.*?)\s+(\S+\.(png|svg|pdf))", argument, re.DOTALL)
        expression, path, kind = match.groups() if match else (argument, None, None)
        tensor, chosen = tensor_and_slice(expression, self.name)
        view = view_of(tensor, tensor.values(), chosen)
        title = f"{tensor.called}{view.label} {tensor.shape_text()}"
        text = self.gnuplot(self.script(view, title, path, kind))
        self.say(f"drew {path}" if path else text.strip("\f\n"))

    def script(self, view, title, path, kind):
        rows, columns = view.as_matrix()
        picture = path is not None and rows > 1
        lines = view.values if picture else view.values[:min(rows, PLOT_LINES) * columns]
        data = "\n".join(" ".join(f"{value:.9g}".replace("nan", "NaN") for value in lines[i:i + columns])
                         for i in range(0, len(lines), columns))
        terminal = {"png": "pngcairo", "svg": "svg", "pdf": "pdfcairo"}.get(kind, "dumb size 78,24")
        quoted = path.replace("'", "''") if path else ""
        head = [f"set terminal {terminal}", f"set output '{quoted}'" if path else "", f"set title \"{title}\" noenhanced",
                f"$values << END_OF_VALUES\n{data}\nEND_OF_VALUES"]
        if picture:
            most = max((abs(value) for value in lines if math.isfinite(value)), default=0) or 1
            head += [f"set cbrange [{-most}:{most}]", "set palette defined (-1 'blue', 0 'white', 1 'red')",
                     "set yrange [*:*] reverse", "set autoscale fix", "plot $values matrix with image notitle"]
        else:
            shown_rows = min(rows, PLOT_LINES)
            head += ["set key outside" if shown_rows > 1 else "unset key", "set offsets graph 0.02, graph 0.02, 0, 0",
                     "plot " + ", ".join(f"$values matrix every :::{i}::{i} using 1:3 with linespoints title 'row {i}'"
                                         for i in range(shown_rows))]
        return "\n".join(head) + "\n"

    def gnuplot(self, script):
        try:
            done = subprocess.run(["gnuplot", "-"], input=script, capture_output=True, text=True, timeout=60, check=False)
        except FileNotFoundError:
            raise gdb.GdbError("gnuplot is not installed; heat T draws without it.") from None
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise gdb.GdbError(f"gnuplot could not draw it: {lines[-1] if lines else done.returncode}")
        return done.stdout


# ------------------------------------------------------------------------------------------------------------
# 8. Commands that stop


def runs():
    """Is there a program that can be let go on?"""
    inferior = gdb.selected_inferior()
    return inferior.pid != 0 and any(thread.is_valid() for thread in inferior.threads()) and not is_core()


def is_core():
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type == "core"


def frame_variable(name):
    """A variable of the newest frame. gdb.GdbError if the compiler took it away."""
    try:
        value = gdb.newest_frame().read_var(name)
        if value.is_optimized_out:
            raise gdb.GdbError(f"{name} is optimized out here; make debug builds without that.")
        return value
    except ValueError:
        raise gdb.GdbError(f"There is no {name} here.") from None


class BreakOp(Command):
    """Stop where an operation begins: break-op softmax, or only in some module: break-op softmax h.3.attn.
up then shows the line that called it. info breakpoints lists it, delete takes it away."""

    name = "break-op"
    kind = gdb.COMMAND_BREAKPOINTS
    completes = gdb.COMPLETE_SYMBOL

    def run(self, argument):
        words = argument.split()
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("break-op which? break-op softmax, break-op linear h.3.mlp")
        name = words[0].replace("tensor_", "", 1)
        if gdb.lookup_global_symbol(f"tensor_{name}") is None or name not in op_names():
            raise gdb.GdbError(f"There is no operation {name}; there are {', '.join(op_names())}.")
        OpBreakpoint(f"tensor_{name}", words[1] if len(words) == 2 else None)


def op_names():
    try:
        fields = gdb.lookup_type("OpKind").strip_typedefs().fields()
    except gdb.error:
        raise gdb.GdbError("This program has no debug information of gptape.") from None
    return [field.name[3:].lower() for field in fields if field.name != "OP_COUNT"]


class OpBreakpoint(gdb.Breakpoint):
    """At the operation, if the module that is computing is, or lies in, the one asked for."""

    def __init__(self, function, scope):
        self.scope = scope
        super().__init__(function)

    def stop(self):
        if self.scope is None:
            return True
        try:
            scope = text_at(current_tape().struct["scope"]) or ""
        except (gdb.error, gdb.GdbError, NotOne):
            return False
        return scope == self.scope or scope.startswith(self.scope + ".")


class BreakBackward(Command):
    """Stop before the backward of a node: break-backward 12, or of all nodes of that name, module or operation:
break-backward h.3.attn.out, break-backward h.3.attn, break-backward softmax.
What arrives is node->output's gradient (grad node->output); finish lets it flow on to node->inputs."""

    name = "break-backward"
    kind = gdb.COMMAND_BREAKPOINTS
    completes = gdb.COMPLETE_NONE

    def run(self, argument):
        if len(argument.split()) != 1:
            raise gdb.GdbError("break-backward which? A node's number, a name, a module or an operation: break-backward 12")
        BackwardBreakpoint(argument)


class BackwardBreakpoint(gdb.Breakpoint):
    """At node_backward, which every backward is called from, for the nodes that are wanted."""

    def __init__(self, wanted):
        self.wanted = wanted
        super().__init__("node_backward")

    def stop(self):
        try:
            node = Node(frame_variable("node"))
            if self.wanted.isdigit():
                return node.index == int(self.wanted)
            return self.wanted in (node.op, node.scope(), node.output().name())
        except (NotOne, gdb.error, gdb.GdbError):
            return False


class BackwardStep(Command):
    """Run to the next node of the backward walk, let it pass its gradient on, and show what flowed where.
Stops after it, in tape_walk_back. If the walk has not begun, runs to its first node; where break-backward has stopped, that
node is the next."""

    name = "backward-step"
    kind = gdb.COMMAND_RUNNING
    completes = gdb.COMPLETE_NONE

    def run(self, argument):
        if argument:
            raise gdb.GdbError("backward-step takes no argument")
        if not runs():
            raise gdb.GdbError("The program does not run; start it with run or start.")
        if not self.go_on_to("node_backward", or_be_there=True):
            return
        node = Node(frame_variable("node"))
        before = [tensor.grad() if isinstance(tensor, Tensor) and tensor.has_grad() else None for tensor in node.inputs()]
        rows = [("  arrived", "", self.size(node.output().grad()))]
        if self.go_on_to(f"*{gdb.newest_frame().older().pc():#x}"):
            rows += [self.row(i, tensor, old) for i, (tensor, old) in enumerate(zip(node.inputs(), before))]
            self.say(f"{node.title()}\n{table_text(rows)}")

    def go_on_to(self, place, or_be_there=False):
        """Runs to there. False, and told, if something else came first."""
        gate = gdb.Breakpoint(place, internal=True, temporary=True)
        gate.silent = True
        if or_be_there and gdb.newest_frame().pc() in [location.address for location in gate.locations]:
            gate.delete()
            return True
        said = gdb.execute("continue", to_string=True)
        reached = not gate.is_valid()              # it is gone once it has stopped the program
        if gate.is_valid():
            gate.delete()
        if not runs():
            self.say("The program has ended; there was no other node of a backward walk.")
            return False
        if not reached:
            self.say(said)
        return reached

    def row(self, i, tensor, old):
        if not isinstance(tensor, Tensor):
            return f"  to input {i}", str(tensor), ""
        maker = tensor.node()
        name = tensor.name() or (f"of node {maker.index}" if maker else "a leaf")
        where = f"{name} {tensor.shape_text()}"
        if not tensor.has_grad():
            return f"  to input {i}", where, "wants none"
        new = tensor.grad()
        if old is None or not any(old):
            return f"  to input {i}", where, self.size(new)
        added = array.array("d", map(operator.sub, new, old))
        return f"  to input {i}", where, f"{self.size(added)} more: |grad| {number(l2(new))}"

    def size(self, values):
        corner = ", ".join(number(value) for value in values[:3]) + (", ..." if len(values) > 3 else "")
        return f"{l2_text(values)}  [{corner}]"


class BreakNan(Command):
    """Stop at the first operation whose result, or whose gradient, is NaN or infinite, on the line that called it.
Switches on the library's watch (GPTAPE_NAN=stop), now and for the next run; -inf in masked scores does not count."""

    name = "break-nan"
    kind = gdb.COMMAND_BREAKPOINTS
    completes = gdb.COMPLETE_NONE

    def run(self, argument):
        if argument:
            raise gdb.GdbError("break-nan takes no argument")
        gdb.execute("set environment GPTAPE_NAN stop", to_string=True)
        if runs():
            gdb.execute("call (void) nan_watch(1)", to_string=True)
        stop = gdb.Breakpoint("nan_found")
        stop.commands = "silent\nnan-found"


class NanFound(Command):
    """Tell what break-nan found, and go to the line that called the operation. break-nan calls it."""

    name = "nan-found"
    kind = gdb.COMMAND_SUPPORT
    completes = gdb.COMPLETE_NONE

    def run(self, argument):
        frame = gdb.newest_frame()
        if frame.name() != "nan_found":
            raise gdb.GdbError("nan-found belongs to break-nan")
        where, words = frame_variable("where"), frame_variable("words")
        self.say(f"{text_at(words['text'].address.cast(gdb.lookup_type('char').pointer()), 400)}  [{where_text(where)}]")
        caller = frame_of(text_at(where["function"]), int(where["line"]))
        if caller is not None:
            caller.select()
        gdb.execute("frame")


def frame_of(function, line):
    """The newest frame that is in that function, on that line if there is one."""
    found = None
    frame = gdb.newest_frame()
    while frame is not None:
        if frame.name() == function:
            if frame.find_sal().line == line:
                return frame
            found = found or frame
        frame = frame.older()
    return found


# ------------------------------------------------------------------------------------------------------------
# 9. Lessons: a plain gdb script defines stop-1, stop-2, ...: where to go, and in its document what to look at and type next


class NextStop(Command):
    """Go on to the next stop of the lesson, and say what there is to see; next-stop 1 begins it again.
A lesson is a gdb script (examples/*.gdb) that defines stop-1, stop-2, ...; help stop-2 shows a stop's text again."""

    name = "next-stop"
    kind = gdb.COMMAND_RUNNING
    completes = gdb.COMPLETE_NONE
    at = 0

    def run(self, argument):
        if argument and argument != "1":
            raise gdb.GdbError("next-stop, or next-stop 1 to begin again")
        number_of_stop = 1 if argument else self.at + 1
        if not defined(f"stop-{number_of_stop}"):
            raise gdb.GdbError("That was the last stop: continue runs to the end, next-stop 1 begins again."
                               if self.at > 0 else "There is no lesson here: make debug LESSON=shortcut starts one.")
        if number_of_stop > 1 and not runs():
            raise gdb.GdbError("The program has ended; next-stop 1 begins again.")
        gdb.execute(f"stop-{number_of_stop}")
        if number_of_stop == 1 and not FRONT_END:
            gdb.execute("run")
        if not runs() and not FRONT_END:
            raise gdb.GdbError(f"The program has ended before stop {number_of_stop}; next-stop 1 begins again.")
        self.at = number_of_stop
        self.say("\n" + gdb.execute(f"help stop-{number_of_stop}", to_string=True))


def defined(command):
    try:
        gdb.execute(f"help {command}", to_string=True)
        return True
    except gdb.error:
        return False


class GptapeHelp(Command):
    """gptape's commands, one line each; help COMMAND says more.
print shows a Tensor, TapeNode, Tape, Module or GPTConfig, or a pointer to one, as what it is; print/r shows the bare struct."""

    name = "gptape"
    kind = gdb.COMMAND_SUPPORT
    completes = gdb.COMPLETE_NONE

    def run(self, argument):
        for command in COMMANDS:
            if command.kind != gdb.COMMAND_SUPPORT:
                self.say(f"{command.name:15} {command.__doc__.splitlines()[0]}")


COMMANDS = (TensorCommand, GradCommand, TapeCommand, ModuleCommand, GradflowCommand, HeatCommand, PlotCommand,
            BreakNan, BreakOp, BreakBackward, BackwardStep, NextStop, NanFound, GptapeHelp)

# Two programs, or a program and the library, bring this file twice: the first is enough.
if not any(getattr(printer, "name", None) == "gptape" for printer in gdb.pretty_printers):
    gdb.pretty_printers.insert(0, GptapePrinters())
    if FRONT_END:                  # a node's output's node's output: where things are printed and not unfolded, it must end
        gdb.execute("set print max-depth 1", to_string=True)
    for command in COMMANDS:
        command()
