# paths.py: the commands paths and jacobian. They call functions of the program (nn/gradflow), which leave its tape as it was.

import gdb

from .look import command, say
from .read import Invalid, item_size, read_values
from .tape import Tensor, current_tape, tensor_or_invalid
from .text import number, table_text

LENGTHS = 8                        # columns of lengths


def function(name, real_size):
    """The program's function of this name for numbers of this size: a program can contain both a float and a double version."""
    try:
        places = gdb.decode_line(name)[1] or ()
    except gdb.error:
        places = ()
    for place in places:
        for symbol in place.symtab.global_block() if place.symtab else ():
            if symbol.name == name and item_size_of(symbol) == real_size:
                return symbol.value()
    raise gdb.GdbError(f"{name} is not in this program")


def item_size_of(symbol):
    """The size of a number in the tensors that a function takes as its first parameter, a Tensor * or a Tape *."""
    struct = symbol.type.fields()[0].type.target().strip_typedefs()
    struct = struct if struct.has_key("data") else struct["tensors"].type.target().strip_typedefs()
    return struct["data"].type.target().strip_typedefs().sizeof


class Stream:
    """The input of each sublayer of a tape, and the output of the last."""

    def __init__(self, tape):
        self.tape = tape
        self.n_sublayers = int(tape.struct["n_sublayers"])
        if self.n_sublayers == 0:
            raise gdb.GdbError("no sublayers on the tape: residual rules mark them (residual_forward), or tape_sublayer_begin")
        self.starts = tape.struct["streams"]
        self.real_size = item_size(self.starts[0].dereference()["data"])

    def name(self, s):
        return tensor_name(self.starts[s], f"sublayer {s}")

    def end(self):
        return function("flow_stream", self.real_size)(self.tape.struct.address, self.n_sublayers)


def tensor_name(value, otherwise):
    tensor = tensor_or_invalid(value)
    return otherwise if isinstance(tensor, Invalid) or not tensor.name() else tensor.name()


def pointer_to(argument, leaf=False):
    """The expression as a pointer to a Tensor, which may be a leaf if so said; and the tensor."""
    value = gdb.parse_and_eval(argument)
    tensor = Tensor(value)
    pointer = value if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else value.address
    if pointer is None or not leaf and tensor.node() is None:
        raise gdb.GdbError(f"{argument} was not computed on the tape")
    return pointer, tensor


def last_loss(tape):
    """The last result on the tape that is a single number."""
    for node in reversed(list(tape.nodes())):
        if node.output().count == 1:
            return node.struct["output"], node.output()
    raise gdb.GdbError("no loss on the tape yet (expected a tensor of one value, as in paths loss)")


@command("paths", live=True)
def paths_command(argument):
    """Split each sublayer's gradient by how many sublayers it passed.
Usage: paths for the last single value on the tape, or paths LOSS. A row is the
start of a sublayer: the L2 norm of the gradient there, its mean length, and the
share of each length k, of the sum of their norms. The program walks back over
its tape once per length; no gradient changes."""
    tape = current_tape()
    stream = Stream(tape)
    pointer, loss = pointer_to(argument) if argument else last_loss(tape)
    if loss.count != 1:
        raise gdb.GdbError(f"{argument} has {loss.count} values (expected a loss, a single value)")
    paths = function("path_lengths", stream.real_size)(pointer, stream.starts, stream.n_sublayers)
    S = stream.n_sublayers
    norms, sums = read_values(paths["norm"], S * (S + 1)), read_values(paths["sum"], S)
    error = float(paths["error"])
    release(paths["norm"])
    release(paths["sum"])
    shown = min(S, LENGTHS)
    rows = [("start", "|dL/dx|", "mean k", *(f"k={k}" for k in range(shown + 1)))]
    for s in range(S):
        row = norms[s * (S + 1):(s + 1) * (S + 1)]
        total = sum(row)
        shares = [norm / total if total > 0 else 0 for norm in row]
        mean = sum(k * share for k, share in enumerate(shares))
        rows.append((stream.name(s), number(sums[s]), f"{mean:.2f}", *(f"{100 * share:.3g}%" if k <= S - s else "" for k, share in enumerate(shares[:shown + 1]))))
    say(table_text(rows, to_the_right=range(1, shown + 4)))
    say(f"k: sublayers passed, of {S}. All lengths together differ from the ordinary gradient by {number(error)} of it.")


def release(pointer):
    gdb.parse_and_eval(f"((void (*)(void *)) free)((void *) {int(pointer):#x})")


@command("jacobian", live=True)
def jacobian_command(argument):
    """Show how each sublayer's Jacobian changes the size of gradients.
Usage: jacobian for the Jacobians from the start of each sublayer to the end of
the residual stream, or jacobian Y, X for dY/dX of any two tensors on the tape
(X may be a leaf). Shown is the mean squared singular value: 1 keeps the size on
average. Exact for a Y of up to 1024 values, by one walk back over the tape for
each; otherwise estimated from 64 walks. No gradient changes."""
    if argument:
        y, _, x = (part.strip() for part in argument.partition(","))
        if not x:
            raise gdb.GdbError("jacobian: name two tensors, as in jacobian y, x")
        (to, _), (start, _) = pointer_to(y), pointer_to(x, leaf=True)
        say(f"d({tensor_name(to, y)})/d({tensor_name(start, x)}): {norm_text(to, start)}")
        return
    stream = Stream(current_tape())
    end = stream.end()
    if int(end) == 0:
        raise gdb.GdbError("the last sublayer is not complete")
    rows = [("from", f"to {tensor_name(end, 'the end')}")]
    rows += [(stream.name(s), norm_text(end, stream.starts[s])) for s in range(stream.n_sublayers)]
    say(f"{table_text(rows)}\nMean squared singular values.")


def norm_text(y, x):
    norm = function("jacobian_norm", item_size(y.dereference()["data"]))(y, x)
    error = float(norm["std_error"])
    return number(float(norm["mean_square"])) + (f" +- {number(error)}" if int(norm["n_probes"]) > 0 else "")
