# tape.py: tensors, nodes and tapes in the program. Looking at them only reads memory and never calls the program, so it works
# on core files, too.

import math

import gdb

from .read import Checked, Invalid, flag, is_readable, op_name, read_values, struct_name, text_at, where_text
from .text import l2_text, shape_text, stats_text

MAX_DIMS = 4
MOST_VALUES = 1 << 34              # a shape of more is not a shape
MOST_READ = 1 << 28                # values read at once: 1 GiB of float32


class Tensor(Checked):
    """A tensor. Its values are read when they are needed."""

    kind = "tensor"

    def check(self):
        struct = self.struct
        ndim = int(struct["shape"]["ndim"])
        self.require(0 <= ndim <= MAX_DIMS, f"it would have {ndim} dimensions")
        self.shape = tuple(int(struct["shape"]["size"][d]) for d in range(ndim))
        self.count = math.prod(self.shape)
        self.require(min(self.shape, default=1) >= 1 and self.count <= MOST_VALUES, f"its shape would be {self.shape_text()}")
        self.requires_grad, self.retain_grad, alive = (flag(struct[name]) for name in ("requires_grad", "retain_grad", "alive"))
        self.require(None not in (self.requires_grad, self.retain_grad, alive))
        if not alive:
            made = where_text(struct["where"])
            self.require(made or int(struct["data"]) != 0, "zeroed memory, no tensor made there yet")
            self.require(False, "its tape was reset" + (f"; it was made at {made}" if made else ""))
        self.require(int(struct["data"]) != 0 and is_readable(struct["data"], self.count), "its values are not in memory")
        self.has_grad = int(struct["grad"]) != 0
        self.require(not self.has_grad or is_readable(struct["grad"], self.count), "its gradient is not in memory")

    def shape_text(self):
        return shape_text(self.shape)

    def name(self):
        """"h.3.attn.out": the scope and the label, as far as it has them."""
        return ".".join(part for part in (text_at(self.struct["scope"]), text_at(self.struct["label"])) if part)

    def node(self):
        """The node that made it, or None for a leaf, or one computed without recording."""
        try:
            return Node(self.struct["node"])
        except Invalid:
            return None

    def is_parameter(self):
        return int(self.struct["tape"]) == 0 and int(self.struct["node"]) == 0 and self.requires_grad

    def values(self):
        return self.read("data")

    def grad(self):
        return self.read("grad")

    def read(self, field):
        if self.count > MOST_READ:
            raise gdb.GdbError(f"{self.count} values are too many to read at once")
        return read_values(self.struct[field], self.count)

    def origin(self):
        """"= add  [FILE:LINE, FUNCTION()]", "parameter", "leaf  [...]"."""
        if self.is_parameter():
            return "parameter"
        node, place = self.node(), where_text(self.struct["where"])
        kind = f"= {node.op}" if node else "leaf, requires a gradient" if self.requires_grad else "leaf"
        return f"{kind}  [{place}]" if place else kind

    def title(self):
        return " ".join(part for part in (self.name(), self.shape_text(), self.origin()) if part)

    def stats(self):
        """"min -1.2  mean 0.01  max 1.3  |grad| 0.4": |grad| is the L2 norm of the gradient."""
        return f"{stats_text(self.values())}  {l2_text(self.grad()) if self.has_grad else 'no grad'}"

    def why_no_grad(self):
        if not self.requires_grad:
            return "no gradient required: nothing it was computed from requires one"
        if self.retain_grad:
            return "none yet: no backward pass has reached it"
        return "none now: backward has not reached it, or has already passed it on (tensor_retain_grad keeps it)"


class Node(Checked):
    """A node of a tape."""

    kind = "node"

    def check(self):
        struct = self.struct
        self.op = op_name(struct["op"])
        self.index = int(struct["index"])
        self.n_inputs = int(struct["n_inputs"])
        self.require(self.op and self.index >= 0 and 0 <= self.n_inputs <= 1 << 20)
        self.require(int(struct["output"]) != 0, "it has no output; its tape was reset")
        output = struct["output"].dereference()
        self.require(flag(output["alive"]) and self.address in (0, int(output["node"])), "its tape was reset")
        self.scope = text_at(struct["scope"]) or ""

    def output(self):
        return Tensor(self.struct["output"])

    def inputs(self):
        """Its inputs, each a Tensor or the Invalid that says what is wrong with it."""
        return [tensor_or_invalid(self.struct["inputs"][i]) for i in range(self.n_inputs)]

    def makers(self):
        """"leaf 3": the numbers of the nodes that made its inputs."""
        return " ".join("?" if isinstance(tensor, Invalid) else maker_text(tensor, "leaf", "{}") for tensor in self.inputs())

    def where(self, function=True):
        return where_text(self.struct["where"], function)

    def title(self):
        """With the line of the user's program, then the line of the module, if a module called the operation."""
        output = tensor_or_invalid(self.struct["output"])
        shape = "?" if isinstance(output, Invalid) else output.shape_text()
        places = "; ".join(place for place in (self.where(), where_text(self.struct["module_where"])) if place)
        scope = f" in {self.scope}" if self.scope else ""
        return f"node {self.index} {self.op} {shape}{scope}" + (f"  [{places}]" if places else "")


def tensor_or_invalid(value):
    try:
        return Tensor(value)
    except Invalid as invalid:
        return invalid


def maker_text(tensor, leaf, made):
    """leaf for a leaf, else made with the number of the node that made the tensor."""
    maker = tensor.node()
    return made.format(maker.index) if maker else leaf


class Tape(Checked):
    """A tape."""

    kind = "tape"

    def check(self):
        struct = self.struct
        self.n_nodes = int(struct["n_nodes"])
        self.require(0 <= self.n_nodes <= int(struct["capacity"]) < 1 << 30 and int(struct["round"]) in (0, 1), "uninitialized memory, or it was freed")
        if self.n_nodes > 0:
            struct["nodes"][self.n_nodes - 1].fetch_lazy()
            self.require(int(struct["arena"]["bytes"]) != 0, "it was freed: it has nodes, but no memory")

    def node(self, index):
        return Node(self.struct["nodes"][index])

    def nodes(self):
        """All nodes that can be read, in the order of recording."""
        for index in range(self.n_nodes):
            try:
                yield self.node(index)
            except (Invalid, gdb.error):
                continue

    def title(self):
        scope = text_at(self.struct["scope"])
        paused = ", not recording" if int(self.struct["no_grad_depth"]) > 0 else ""
        return f"tape of {self.n_nodes} nodes{paused}" + (f", in module {scope}" if scope else "")


def current_tape():
    """The tape of the selected thread: the longer one of float32's and double's. gdb.GdbError if it has none."""
    found = list(tapes_of_thread())
    if not found:
        raise gdb.GdbError("no tape: the program is not running, has not called tape_create, or has freed its tape")
    return max(found, key=lambda tape: tape.n_nodes)


def tapes_of_thread():
    """What tensor/tape.c calls current_tape, else what any frame calls tape."""
    candidates = [lambda symbol=symbol: symbol.value() for symbol in gdb.lookup_static_symbols("current_tape")]
    frame = gdb.selected_frame() if gdb.selected_thread() else None
    while frame is not None:
        candidates.append(lambda frame=frame: frame.read_var("tape"))
        frame = frame.older()
    for candidate in candidates:
        try:
            value = candidate()
            if struct_name(value.type) == "Tape":
                yield Tape(value)
        except (gdb.error, ValueError, Invalid):
            continue
