# flow.py: the commands gradflow and backward-step.

import array
import math
import operator

import gdb

from .look import Command
from .read import where_text
from .stop import frame_variable, runs
from .tape import Node, Tensor, current_tape
from .text import l2, l2_text, mean_abs, number, table_text

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
