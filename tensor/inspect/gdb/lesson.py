# lesson.py: the command next-stop, which goes through a lesson, and gptape, which lists the commands.
#
# A lesson is a gdb script that defines stop-1, stop-2, ...: where to go, and in its document what to look at and type next.

import gdb

from .look import COMMANDS, command, is_running, say
from .printers import FRONT_END

reached = 0                        # the stop of the lesson that the program is at


@command("next-stop", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE, {"": "none", "1": "1 to begin again"})
def next_stop(argument):
    """Continue to the lesson's next stop; next-stop 1 begins again.
Says what to look at there; help stop-2 shows a stop's text again. A lesson is a
gdb script (examples/*.gdb) that defines stop-1, stop-2, ..."""
    global reached
    stop = 1 if argument else reached + 1
    if not is_defined(f"stop-{stop}"):
        raise gdb.GdbError("that was the last stop: continue runs to the end, next-stop 1 begins again"
                           if reached > 0 else "there is no lesson here: make debug LESSON=shortcut starts one")
    if stop > 1 and not is_running():
        raise gdb.GdbError("the program has ended: next-stop 1 begins again")
    gdb.execute(f"stop-{stop}")
    if stop == 1 and not FRONT_END:
        gdb.execute("run")
    if not is_running() and not FRONT_END:
        raise gdb.GdbError(f"the program has ended before stop {stop}: next-stop 1 begins again")
    reached = stop
    say("\n" + gdb.execute(f"help stop-{stop}", to_string=True))


def is_defined(name):
    try:
        gdb.execute(f"help {name}", to_string=True)
        return True
    except gdb.error:
        return False


@command("gptape", gdb.COMMAND_SUPPORT, gdb.COMPLETE_NONE)
def gptape(argument):
    """List gptape's commands; help COMMAND says more.
print shows a Tensor, TapeNode, Tape, Module or GPTConfig, or a pointer to one,
as what it is; print/r shows the bare struct."""
    for name, summary in COMMANDS.items():
        say(f"{name:15} {summary}")
