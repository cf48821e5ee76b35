# stop.py: the commands break-op, break-backward and break-nan.

import gdb

from .look import Command
from .read import NotOne, text_at, where_text
from .tape import Node, current_tape


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
