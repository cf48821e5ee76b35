# lesson.py: next-stop goes through a lesson; gptape lists the commands. Registers everything.
#
# A lesson is a plain gdb script that defines stop-1, stop-2, ...: where to go, and in its document what to look at and type next.

import gdb

from .draw import HeatCommand, PlotCommand
from .flow import BackwardStep, GradflowCommand
from .look import Command, GradCommand, ModuleCommand, TapeCommand, TensorCommand
from .printers import FRONT_END, GptapePrinters
from .stop import BreakBackward, BreakNan, BreakOp, NanFound, runs


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


gdb.pretty_printers.insert(0, GptapePrinters())
if FRONT_END:                  # a node's output's node's output: where things are printed and not unfolded, it must end
    gdb.execute("set print max-depth 1", to_string=True)
for command in COMMANDS:
    command()
