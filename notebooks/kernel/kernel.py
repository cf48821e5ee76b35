"""The Jupyter kernel: takes cells from notebooks, has them translated and run, and shows what comes of it.

    notebook --cell--> kernel.py --> translation.py (libclang: what is wrong? C for the engine) --> engine.py (clang-repl: runs it)
             <-- text, errors, tables, pictures --------------- show.py <----------------------'
"""

import os
import re
import signal
import sys
from pathlib import Path

from ipykernel.kernelbase import Kernel

import show
from engine import Engine, EngineMissing

ROOT = Path(os.environ.get("GPTAPE_ROOT", Path(__file__).resolve().parents[2]))
LIBRARY = Path(os.environ.get("GPTAPE_LIBRARY", ROOT / "build/libgptape.so"))

COMMANDS = """Lines that begin with % are for the kernel, each in a cell of its own:
  %rerun      starts afresh and runs the cells so far again, up to this one
  %restart    starts afresh: no variables, functions or types"""


class CellError(Exception):
    """A cell that failed: a word for how, and lines of explanation."""

    def __init__(self, name, lines):
        super().__init__(lines[0])
        self.name = name
        self.lines = lines


class CKernel(Kernel):
    implementation = "gptape-c"
    implementation_version = "1"
    language_info = {"name": "c", "version": "C11", "mimetype": "text/x-csrc", "codemirror_mode": "text/x-csrc",
                     "pygments_lexer": "c", "file_extension": ".c"}
    banner = "C, cell by cell, with gptape's tensors. " + COMMANDS
    help_links = []

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.engine = Engine(LIBRARY, [ROOT])
        self.cells = None
        self.helper = None
        self.number = 0                                 # of translated cells: each has names of its own in the engine
        self.history = []                               # cells that were run: (label, text)
        self.folder = None

    # --------------------------------------------------------------------------------------------------------
    # Executing

    def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False):
        self.silent = silent
        try:
            self.execute(code, self.execution_count)
        except CellError as error:
            return self.failed(error.name, error.lines)
        except EngineMissing as missing:
            return self.failed("Missing", str(missing).split("\n"))
        except KeyboardInterrupt:
            return self.failed("Interrupted", ["Interrupted before the cell was run."])
        return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}

    def failed(self, name, lines):
        content = {"ename": name, "evalue": lines[0], "traceback": lines}
        if not self.silent:
            self.send_response(self.iopub_socket, "error", content)
        return {"status": "error", "execution_count": self.execution_count, **content}

    def execute(self, code, label):
        command = code.strip()
        if command.startswith("%"):
            self.command(command)
        elif command:
            self.prepare()
            self.run_cell(code, label)

    def command(self, command):
        if command == "%restart":
            self.restart()
        elif command == "%rerun":
            self.rerun()
        else:
            raise CellError("Unknown", [f"There is no {command.split()[0]}.", *COMMANDS.split("\n")])

    def prepare(self):
        """Has an engine running, and a session that knows what is in it."""
        if self.cells is None:
            self.cells = new_session()
        if not self.engine.running():
            self.engine.start()
        if self.folder is None:
            self.folder = show.Folder()

    def run_cell(self, code, label):
        self.number += 1
        cell = self.cells.translate(code, self.number, label)
        for problem in cell.problems:
            if problem.severity != "error":
                self.print("stderr", "\n".join(problem_lines(problem, code, label)) + "\n")
        if cell.errors:
            raise CellError("CompileError", [line for problem in cell.errors for line in problem_lines(problem, code, label)])
        self.folder.new_pictures()
        self.charts = {}
        outcome = self.engine.run(self.number, cell.source, self.print, self.report)
        self.show_pictures()
        self.judge(outcome, cell, code, label)

    def judge(self, outcome, cell, code, label):
        """Keeps what a cell has defined, or tells how it failed."""
        if outcome.status is not None:
            lost = ending_lines(outcome, label) + self.restart_lines()
            self.forget()
            raise CellError("Crash", lost)
        if outcome.ran is None:
            raise CellError("CompileError", engine_lines(outcome.compiler))
        self.cells.keep(cell)
        end = outcome.ran["end"]
        message = outcome.ran["message"]
        if end == "mistake":
            raise CellError("Mistake", [message, "The cell ended there; all variables are as they were at that moment."])
        if end == "exit" and message != "0":
            raise CellError("Exit", [f"exit({message}) ended the cell; all variables are as they were at that moment."])
        if end == "abort":
            raise CellError("Abort", ["The cell ended by abort, as a failed assert does; all variables are kept."])
        if end == "division":
            raise CellError("Division", ["A whole number was divided by zero; the cell ended there, all variables are kept."])
        if end == "interrupted":
            raise CellError("Interrupted", ["The cell was interrupted; all variables are as they were at that moment."])
        self.history.append((label, code))

    def restart_lines(self):
        cells = f"the {len(self.history)} cells before this one" if len(self.history) != 1 else "the cell before this one"
        again = f" A cell with  %rerun  runs {cells} again." if self.history else ""
        return ["The engine starts afresh with the next cell: variables, functions and types are gone." + again]

    def forget(self):
        self.engine.stop()
        self.cells = None

    def restart(self):
        self.forget()
        self.history.clear()

    def rerun(self):
        """Runs the cells so far again, in a fresh engine."""
        history = list(self.history)
        self.restart()
        self.prepare()
        for label, code in history:
            self.print("stderr", f"Running cell {label} again\n")
            self.run_cell(code, label)

    # --------------------------------------------------------------------------------------------------------
    # Showing

    def print(self, stream, text):
        if not self.silent:
            self.send_response(self.iopub_socket, "stream", {"name": stream, "text": text})

    def report(self, report):
        """A result, or the text of a picture that is about to appear."""
        if report["report"] == "chart":
            self.charts[Path(report["path"]).name] = report["text"]
        elif not self.silent:
            content = {"execution_count": self.execution_count, "data": show.result(report), "metadata": {}}
            self.send_response(self.iopub_socket, "execute_result", content)

    def show_pictures(self):
        for file in self.folder.new_pictures():
            if not self.silent:
                content = {"data": show.picture(file, self.charts.get(file.name)), "metadata": {}}
                self.send_response(self.iopub_socket, "display_data", content)

    # --------------------------------------------------------------------------------------------------------
    # Helping

    def help(self):
        from help import Help
        if self.cells is None:
            self.cells = new_session()
        if self.helper is None:
            self.helper = Help(ROOT)
        return self.helper

    def do_complete(self, code, cursor_pos):
        try:
            matches, start = self.help().complete(code, cursor_pos, self.cells)
        except EngineMissing:
            matches, start = [], cursor_pos
        return {"status": "ok", "matches": matches, "cursor_start": start, "cursor_end": cursor_pos, "metadata": {}}

    def do_inspect(self, code, cursor_pos, detail_level=0, omit_sections=()):
        try:
            text = self.help().inspect(code, cursor_pos, self.cells)
        except EngineMissing as missing:
            text = str(missing)
        return {"status": "ok", "found": bool(text), "data": {"text/plain": text} if text else {}, "metadata": {}}

    def do_is_complete(self, code):
        from pieces import OPENING, tokenize
        depth = sum((token.text in OPENING) - (token.text in OPENING.values()) for token in tokenize(code) if token.kind == "mark")
        return {"status": "incomplete", "indent": "    " * depth} if depth > 0 else {"status": "complete"}

    def do_shutdown(self, restart):
        self.engine.stop()
        return {"status": "ok", "restart": restart}


# ------------------------------------------------------------------------------------------------------------
# Messages

def new_session():
    try:
        from session import Session
        return Session([ROOT])
    except ImportError as error:
        raise EngineMissing(f"A Python module is not here ({error}). It is in Debian's package python3-clang: run\n"
                            "    make notebooks\nin gptape's folder, then restart the kernel.") from error


def problem_lines(problem, code, label):
    """The message with the cell's line, and a mark below the place."""
    if problem.line == 0:
        return [f"{problem.severity}: {problem.message}"]
    line = (code.split("\n") + [""])[problem.line - 1]
    mark = re.sub(r"[^\t]", " ", line[:problem.column - 1]) + "^"
    return [f"cell {label}, line {problem.line}, column {problem.column}: {problem.severity}: {problem.message}",
            "    " + line, "    " + mark]


def engine_lines(said):
    """What the engine said about a cell that it did not run."""
    missing = re.search(r"Symbols not found: \[ (.*?) \]", said)
    if missing:
        from names import as_in_cell
        return [f"declared, but defined nowhere: {as_in_cell(missing.group(1))}"]
    return said.strip().split("\n") if said.strip() else ["The engine did not run the cell, and did not say why."]


def ending_lines(outcome, label):
    if outcome.interrupted:
        return [f"Cell {label} was interrupted. It did not stop by itself, so the engine was ended."]
    if outcome.status >= 0:
        return [f"Cell {label} ended the engine with exit status {outcome.status}."]
    name = signal.strsignal(-outcome.status) or f"signal {-outcome.status}"
    what = f": memory was used {outcome.crash}" if outcome.crash else ""
    return [f"{name} in cell {label}{what}"]


def main():
    from ipykernel.kernelapp import IPKernelApp
    IPKernelApp.launch_instance(kernel_class=CKernel)


if __name__ == "__main__":
    sys.exit(main())
