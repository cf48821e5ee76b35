"""The Jupyter kernel, started by  python3 notebooks/kernel/kernel.py -f CONNECTION_FILE : has cells translated and run, and shows the results.

    notebook --cell--> kernel.py --> translation.py (libclang: errors; C for the engine) --> engine.py (clang-repl: runs it)
             <-- text, errors, tables, pictures ------------ show.py <-----------------------------'
"""

import os
import re
import signal
from pathlib import Path

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

import show
from engine import Engine, EngineMissing
from names import as_in_cell
from pieces import CLOSING, OPENING, tokenize

ROOT = Path(os.environ.get("GPTAPE_ROOT", Path(__file__).resolve().parents[2]))
LIBRARY = Path(os.environ.get("GPTAPE_LIBRARY", ROOT / "build/libgptape.so"))

COMMANDS = """Commands for the kernel, each in a cell of its own:
  %rerun      restarts the engine and runs the cells so far again
  %restart    restarts the engine: all variables, functions and types are lost"""

KEPT = "All variables keep the values that they had at that moment."

# How a cell that runtime.c ended early is reported: the error's name and its message.
ENDINGS = {"mistake": ("Mistake", "{}"), "exit": ("Exit", "The cell ended with exit status {}."),
           "abort": ("Abort", "The cell was ended by abort, which a failed assert calls."),
           "undefined": ("Undefined", "The cell ended at {}."),
           "interrupted": ("Interrupted", "The cell was interrupted.")}


class CellError(Exception):
    """A cell that failed: the error's name, and lines of explanation."""

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
    # Running cells

    def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False):
        self.silent = silent
        self.engine.interrupted_at = None
        before = signal.signal(signal.SIGINT, self.engine.interrupt)     # an exception could be lost, in libclang's callbacks say
        try:
            self.execute(code, self.execution_count)
        except CellError as error:
            return self.failed(error.name, error.lines)
        except EngineMissing as missing:
            return self.failed("Missing", str(missing).split("\n"))
        finally:
            signal.signal(signal.SIGINT, before)
        return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}

    def failed(self, name, lines):
        """Messages are red; lines of the cell, which are indented, are not."""
        red = [line if line.startswith("    ") else f"\x1b[31m{line}\x1b[0m" for line in lines]
        content = {"ename": name, "evalue": lines[0], "traceback": red}
        if not self.silent:
            self.send_response(self.iopub_socket, "error", content)
        return {"status": "error", "execution_count": self.execution_count, **content}

    def execute(self, code, label):
        command = code.strip()
        if command == "%restart":
            self.restart()
        elif command == "%rerun":
            self.rerun()
        elif command.startswith("%"):
            raise CellError("Unknown", [f"{command.split()[0]}: unknown command", *COMMANDS.split("\n")])
        elif command:
            self.prepare()
            self.run_cell(code, label)

    def prepare(self):
        """Ensures that an engine is running, and a session that knows what is in it."""
        self.cells = self.cells or new_session()
        if not self.engine.running():
            self.engine.start()
        self.folder = self.folder or show.Folder()

    def run_cell(self, code, label):
        self.number += 1
        cell = self.cells.translate(code, self.number, label)
        for problem in cell.problems:
            if problem.severity != "error":
                self.print("stderr", "\n".join(problem_lines(problem, code, label)) + "\n")
        if cell.errors:
            raise CellError("CompileError", [line for problem in cell.errors for line in problem_lines(problem, code, label)])
        if self.engine.interrupted_at:
            raise CellError("Interrupted", ["Interrupted before the cell was run."])
        self.folder.new_pictures()
        self.charts = {}
        outcome = self.engine.run(self.number, cell.source, self.print, self.report)
        self.show_pictures()
        if outcome.status is not None:
            lines = ending_lines(outcome, label) + self.restart_lines()
            self.stop()
            raise CellError("Crash", lines)
        if outcome.ran is None:
            raise CellError("CompileError", engine_lines(outcome.compiler))
        self.cells.keep(cell)
        name, message = ENDINGS.get(outcome.ran["end"], (None, ""))
        if name is not None and (name, outcome.ran["message"]) != ("Exit", "0"):
            raise CellError(name, [message.format(outcome.ran["message"]), KEPT])
        self.history.append((label, code))

    def restart_lines(self):
        lines = ["The next cell starts a new engine. All variables, functions and types are lost."]
        if self.history:
            n = len(self.history)
            lines.append(f"To run the {f'{n} cells' if n > 1 else 'cell'} before this one again, run a cell with  %rerun .")
        return lines

    def stop(self):
        self.engine.stop()
        self.cells = None

    def restart(self):
        self.stop()
        self.history.clear()

    def rerun(self):
        """Runs the cells so far again, in a new engine."""
        history = list(self.history)
        self.restart()
        self.prepare()
        for label, code in history:
            self.print("stderr", f"Running cell {label} again\n")
            self.run_cell(code, label)

    # --------------------------------------------------------------------------------------------------------
    # Showing results

    def print(self, stream, text):
        if not self.silent:
            self.send_response(self.iopub_socket, "stream", {"name": stream, "text": text})

    def show(self, kind, data, **content):
        if not self.silent:
            self.send_response(self.iopub_socket, kind, {"data": data, "metadata": {}, **content})

    def report(self, report):
        """A result, or the text of a picture that is about to appear."""
        if report["report"] == "chart":
            self.charts[Path(report["path"]).name] = report["text"]
        else:
            self.show("execute_result", show.result(report), execution_count=self.execution_count)

    def show_pictures(self):
        for file in self.folder.new_pictures():
            self.show("display_data", show.picture(file, self.charts.get(file.name)))

    # --------------------------------------------------------------------------------------------------------
    # Tab and Shift-Tab

    def help(self):
        from help import Help
        self.cells = self.cells or new_session()
        self.helper = self.helper or Help(ROOT, self.cells)
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
        depth = sum((token.text in OPENING) - (token.text in CLOSING) for token in tokenize(code) if token.kind == "mark")
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
        raise EngineMissing(f"A Python module is missing ({error}); it is in Debian's package python3-clang. Run\n"
                            "    make notebooks\nin gptape's folder, then restart the kernel.") from error


def problem_lines(problem, code, label):
    """The message with the cell's line, and a mark below the place."""
    if problem.line == 0:
        return [f"{problem.severity}: {problem.message}"]
    line = (code.split("\n") + [""])[problem.line - 1]
    mark = re.sub(r"[^\t]", " ", line[:problem.column - 1]) + "^"
    return [f"cell {label}, line {problem.line}, column {problem.column}: {problem.severity}: {problem.message}",
            "    " + line, "    " + mark]


def engine_lines(compiler):
    """The compiler's messages about a cell that the engine did not run."""
    missing = re.search(r"Symbols not found: \[ (.*?) \]", compiler)
    if missing:
        return [f"{as_in_cell(missing.group(1))}: declared, but not defined"]
    lines = [as_in_cell(line) for line in compiler.strip().split("\n")
             if not re.match("In file included from|error: Parsing failed|input_line_|$", line)]
    return lines or ["The engine did not run the cell, for an unknown reason."]


def ending_lines(outcome, label):
    if outcome.interrupted:
        return [f"Cell {label} was interrupted, but did not end, so the engine was ended."]
    if outcome.status >= 0:
        return [f"Cell {label} ended the engine with exit status {outcome.status}."]
    name = signal.strsignal(-outcome.status) or f"signal {-outcome.status}"
    return [f"{name} in cell {label}" + (f": {outcome.crash}" if outcome.crash else "")]


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=CKernel)
