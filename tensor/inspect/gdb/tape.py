# tape.py: tensors, nodes and tapes in the program, checked. Reading them never calls the program.

import math

import gdb

from .read import NotOne, address_of, enum_word, flag, is_readable, read_values, struct_at, struct_name, text_at, where_text
from .text import bad_text, finite_of, l2_text, number

MAX_DIMS = 4
MOST_VALUES = 1 << 34              # a shape of more is no shape
MOST_READ = 1 << 28                # values read at once: 1 GiB of float32


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


def stats_text(tensor):
    """"min -1.2  mean 0.01  max 1.3  |grad| 0.4": |grad| is the L2 norm of the gradient."""
    values = tensor.values()
    finite = finite_of(values) or [math.nan]
    words = [f"min {number(min(finite))}", f"mean {number(sum(finite) / len(finite))}", f"max {number(max(finite))}"]
    words += [bad_text(values)] if finite is not values else []
    words.append(l2_text(tensor.grad()) if tensor.has_grad() else "no grad")
    return "  ".join(words)


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
