# stop.py: the commands break-op, break-backward and break-nan, and what step passes over.

import difflib
import re

import gdb

from .look import NUMBER, command, existing_node, frame_variable, is_running, say
from .read import Invalid, text_at, where_text
from .tape import Node, current_tape


def op_names():
    """Every operation's name, from its row in the table of operations; none while no program or library of gptape is loaded."""
    return sorted(re.findall(r"\bop_(\w+);", gdb.execute("info variables -q -n -t Op ^op_", to_string=True)))


def unknown(command_name, kind, name, known):
    close = difflib.get_close_matches(name, known, 1)
    return gdb.GdbError(f"{command_name}: unknown {kind} '{name}' ({f'did you mean {close[0]}?' if close else 'expected ' + ', '.join(known)})")


def in_module(scope, module):
    return scope == module or scope.startswith(module + ".")


class OpBreakpoint(gdb.Breakpoint):
    """At the operation; if a module is given, only while it or a module below it computes. An operation of the program's own is tensor_custom's."""

    def __init__(self, name, own, module):
        super().__init__("tensor_custom" if own else f"tensor_{name}")
        self.own = name if own else None
        self.module = module

    def stop(self):
        try:
            if self.own and text_at(frame_variable("op")["name"]) != self.own:
                return False
            return self.module is None or in_module(text_at(current_tape().struct["scope"]) or "", self.module)
        except (gdb.error, gdb.GdbError, Invalid):
            return False


@command("break-op", gdb.COMMAND_BREAKPOINTS, gdb.COMPLETE_SYMBOL)
def break_op(argument):
    """Stop where an operation begins.
Usage: break-op softmax, or in one module only: break-op softmax h.3.attn.
up then shows the line that called it. info breakpoints lists it, delete removes
it."""
    words = argument.split()
    if not 1 <= len(words) <= 2:
        raise gdb.GdbError("break-op: name an operation, as in break-op softmax, break-op linear h.3.mlp")
    name = words[0].removeprefix("tensor_")
    known = op_names()
    if known and name not in known or not name.isidentifier():
        raise unknown("break-op", "operation", name, known)
    if not known:
        say("gptape's library is not loaded yet: the breakpoint takes effect once it is.")
    own = bool(known) and gdb.lookup_global_symbol(f"tensor_{name}") is None
    OpBreakpoint(name, own, words[1] if len(words) == 2 else None)


class BackwardBreakpoint(gdb.Breakpoint):
    """At node_backward, which calls every backward, for the nodes that are wanted."""

    def __init__(self, wanted, is_known):
        super().__init__("node_backward")
        self.wanted = wanted
        self.is_known = is_known           # or reported

    def stop(self):
        try:
            if not self.is_known:
                self.is_known = True
                check_wanted(self.wanted, current_tape())
        except (Invalid, gdb.error, gdb.GdbError) as error:
            say(str(error))
        try:
            return self.wanted in names_of(Node(frame_variable("node")))
        except (Invalid, gdb.error, gdb.GdbError):
            return False


def check_wanted(wanted, tape):
    if NUMBER.fullmatch(wanted):
        existing_node(tape, int(wanted), "break-backward")
        return
    names = {name for node in tape.nodes() for name in names_of(node) if name and not name.isdigit()}
    if wanted not in names | set(op_names()):
        raise unknown("break-backward", "node", wanted, sorted(names))


def names_of(node):
    return str(node.index), node.op, node.scope, node.output().name()


@command("break-backward", gdb.COMMAND_BREAKPOINTS, gdb.COMPLETE_NONE)
def break_backward(argument):
    """Stop before the backward of a node.
Usage: break-backward 12 for a node's number, or a tensor's name, a module or an
operation: break-backward h.3.attn.out, break-backward h.3.attn,
break-backward softmax. grad node->output then shows the gradient that has
arrived."""
    if len(argument.split()) != 1:
        raise gdb.GdbError("break-backward: name a node's number, a tensor, a module or an operation, as in break-backward 12")
    try:
        tape = current_tape()
    except gdb.GdbError:
        tape = None
    is_known = argument in op_names()
    if not is_known and tape and tape.n_nodes > 0:
        check_wanted(argument, tape)
        is_known = True
    elif not is_known:
        say(f"no nodes yet: the first backward pass will show whether there is a node {argument}.")
    BackwardBreakpoint(argument, is_known)


@command("break-nan", gdb.COMMAND_BREAKPOINTS, gdb.COMPLETE_NONE, {"": "none"})
def break_nan(argument):
    """Stop at the first NaN or infinity, at the call that made it.
Results and gradients count, -inf in masked scores does not. Turns on the
library's watch (GPTAPE_NAN=stop), now and for the next run."""
    gdb.execute("set environment GPTAPE_NAN stop", to_string=True)
    if is_running():
        gdb.execute("call (void) nan_watch(1)", to_string=True)
    gdb.Breakpoint("nan_found").commands = "silent\nnan-found"


@command("nan-found", gdb.COMMAND_SUPPORT, gdb.COMPLETE_NONE)
def nan_found(argument):
    """Say what break-nan found, and go to the line that called the operation. break-nan runs it."""
    if gdb.newest_frame().name() != "nan_found":
        raise gdb.GdbError("nan-found: only break-nan uses it")
    where, words = frame_variable("where"), frame_variable("words")
    say(f"{text_at(words['text'].address.cast(gdb.lookup_type('char').pointer()))}  [{where_text(where)}]")
    frames = []
    frame = gdb.newest_frame()
    while frame is not None:
        frames += [frame] if frame.name() == text_at(where["function"]) else []
        frame = frame.older()
    if frames:
        next((frame for frame in frames if frame.find_sal().line == int(where["line"])), frames[0]).select()
    gdb.execute("frame")


# step into an operation reaches its loop: it passes over memory, checks, recording, the table, and the C library. Of the tape's
# functions only the backward pass is entered (tensor_backward, tape_walk_back, node_backward).
for skipped in ("-gfi tensor/arena.c", "-gfi tensor/fail.c", "-gfi tensor/kernel.c", "-gfi tensor/table.c", "-gfi tensor/tensor.c",
                "-gfi tensor/inspect/*.c", "-rfu ^op_", "-rfu ^tape_[^w]", "-rfu _check$", "-rfu _sizes$", "-rfu ^__"):
    gdb.execute(f"skip {skipped}", to_string=True)
