# flow.py: the commands gradflow and backward-step.

import array
import math
import operator
import re

import gdb

from .look import command, frame_variable, is_running, say
from .read import Invalid, where_text
from .tape import Node, current_tape, maker_text, tensor_or_invalid
from .text import l2, l2_text, mean_abs, number, table_text

COLUMNS = 80
LEAST, MOST, PER_DECADE = -16, 4, 2        # the axis of the bars, in decades: the same for every network


def bar_text(value):
    """A bar on a logarithmic axis. It ends in > if the value is beyond the axis, and has one # if it is before it."""
    if not math.isfinite(value) or value <= 0:
        return ""
    length = max(1, round(PER_DECADE * (math.log10(value) - LEAST)))
    most = PER_DECADE * (MOST - LEAST)
    return "#" * length if length <= most else "#" * most + ">"


def watched(tape, everything):
    """The tensors whose gradients are shown, each once: weights, and if everything also other leaves and retained gradients."""
    seen = set()
    for node in tape.nodes():
        leaves = [tensor for tensor in node.inputs() if not isinstance(tensor, Invalid) and tensor.node() is None]
        for tensor in leaves + ([node.output()] if everything else []):
            weight = tensor.is_parameter() and len(tensor.shape) >= 2
            kept = everything and tensor.requires_grad and tensor.retain_grad
            if (weight or kept) and tensor.address not in seen:
                seen.add(tensor.address)
                yield tensor


@command("gradflow", completes=gdb.COMPLETE_NONE, words={"": "none", "all": "all"})
def gradflow_command(argument):
    """Show the mean |gradient| of each weight as bars.
Usage: gradflow for the weights, in the order of their use on the tape;
gradflow all for biases, LayerNorm's parameters and retained gradients, too. The
axis is logarithmic and always the same, so that networks can be compared."""
    rows = []
    for tensor in watched(current_tape(), argument == "all"):
        name = tensor.name() or f"made at {where_text(tensor.struct['where'], False)}"
        size = mean_abs(tensor.grad()) if tensor.has_grad else None
        rows.append((name, "not yet" if size is None else number(size), bar_text(size or 0)))
    if not rows:
        raise gdb.GdbError("nothing on the tape is a weight or keeps its gradient" + ("" if argument else " (try gradflow all)"))
    say(table_text(rows, to_the_right=(1,)))
    say(f"Each # is a factor of {10 ** (1 / PER_DECADE):.1f}; the bars begin at {10.0 ** LEAST:.0e}.")


class Uses(gdb.Breakpoint):
    """Records the gradient of a tensor that a node uses more than once, each time backward is about to add to it."""

    def __init__(self, address):
        super().__init__("op_grad_target", internal=True)
        self.address = address
        self.seen = []

    def stop(self):
        try:
            value = frame_variable("input")
            if int(value) == self.address:
                self.seen.append(grad_now(value))
        except (gdb.error, gdb.GdbError, Invalid):
            pass
        return False


def grad_now(value):
    """The gradient of a tensor, zeros if it has none yet; None if it is not a tensor or requires none."""
    tensor = tensor_or_invalid(value)
    if isinstance(tensor, Invalid) or not tensor.requires_grad:
        return None
    return tensor.grad() if tensor.has_grad else array.array(tensor.values().typecode, bytes(tensor.count * tensor.values().itemsize))


class Return(gdb.Breakpoint):
    """Where the newest frame returns to. A checkpoint's backward walks an inner tape, whose frames lie deeper in the stack."""

    def __init__(self):
        super().__init__(f"*{gdb.newest_frame().older().pc():#x}", internal=True, temporary=True)
        self.depth = stack_pointer()

    def stop(self):
        return stack_pointer() > self.depth


def stack_pointer():
    return int(gdb.parse_and_eval("(unsigned long) $sp"))


@command("backward-step", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE, {"": "none"}, live=True)
def backward_step(argument):
    """Run the next node's backward; show what each input received.
Stops after the node, in tape_walk_back. Where break-backward has stopped, that
node is the next. An input that is used twice has two rows, each with what that
use contributed."""
    gate = gdb.Breakpoint("node_backward", internal=True, temporary=True)
    if gdb.newest_frame().pc() in [location.address for location in gate.locations]:
        gate.delete()
    elif not run_to(gate):
        return
    node = Node(frame_variable("node"))
    inputs = [node.struct["inputs"][i] for i in range(node.n_inputs)]
    before = [grad_now(value) for value in inputs]
    addresses = list(map(int, inputs))
    uses = {address: Uses(address) for address in addresses if addresses.count(address) > 1}
    rows = [("  arrived", "", size_text(node.output().grad()))]
    reached = run_to(Return())
    for watch in uses.values():
        watch.delete()
    if not reached:
        return
    for i, value in enumerate(inputs):
        now = grad_now(value)
        steps = [before[i], now]
        if addresses[i] in uses:
            steps = (uses[addresses[i]].seen + [now])[addresses[:i].count(addresses[i]):][:2]
        rows.append((f"  to input {i}", *input_text(value, steps)))
    title = node.title()
    say(title if len(title) <= COLUMNS else title.replace("  [", "\n  [", 1))
    say("\n".join(map(fitted, table_text(rows).split("\n"))))


def fitted(line):
    """The line, with as many of its [values, ...] as fit."""
    shorter = re.sub(r", [^][(), ]+(, \.\.\.)?\]", ", ...]", line)
    return line if len(line) <= COLUMNS or shorter == line else fitted(shorter)


def run_to(gate):
    """Runs to a temporary breakpoint. If something else stops the program first, says what and returns False."""
    gate.silent = True
    said = gdb.execute("continue", to_string=True)
    reached = not gate.is_valid()          # it is gone once it has stopped the program
    if not reached:
        gate.delete()
        say(said if is_running() else "The program has ended; the backward pass had no other node.")
    return reached


def input_text(value, steps):
    """Which tensor it is, and what it received: the difference between the two steps."""
    tensor = tensor_or_invalid(value)
    if isinstance(tensor, Invalid):
        return str(tensor), ""
    where = f"{tensor.name() or maker_text(tensor, 'a leaf', 'of node {}')} {tensor.shape_text()}"
    if not tensor.requires_grad:
        return where, "requires no gradient"
    if len(steps) < 2:
        return where, "received together with its other use"
    old, new = steps
    received = array.array("d", map(operator.sub, new, old)) if any(old) else new
    return where, size_text(received) + (f", total |grad| {number(l2(new))}" if any(old) else "")


def size_text(values):
    return f"{l2_text(values)}  [{', '.join(map(number, values[:3]))}{', ...' if len(values) > 3 else ''}]"
