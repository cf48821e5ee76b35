"""The engine: a clang-repl process that compiles and runs cells.

Four pipes connect to it: C goes in; what cells print comes out, on two; and the last one carries runtime.c's reports, one line of
JSON each. A cell has ended when its "end" report arrives, or the process ends.
"""

import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from flags import CHECKS, COMPILER_FLAGS, INCLUDES
from names import as_in_cell

PROGRAM = "clang-repl-19"
START_SECONDS = 120
INTERRUPT_SECONDS = 4           # then an interrupted cell that does not end is ended with the engine
OUTPUT_LIMIT = 1 << 20          # bytes that a cell may print; the rest is counted, not shown
CHUNK = 1 << 16


class EngineMissing(Exception):
    """The engine or something that it needs is missing; the message says how to install it."""


class Outcome:
    """How a cell ended."""

    def __init__(self):
        self.ran = None         # runtime.c's report: how it ended, and with which message
        self.crash = None       # runtime.c's report of a crash
        self.status = None      # exit status of an engine that ended: as from waitpid, negative for a signal
        self.interrupted = False
        self.compiler = ""      # messages of the compiler; usually none, because libclang has read the cell before


class Engine:
    def __init__(self, library, include_folders):
        self.library = Path(library)
        self.include_folders = include_folders
        self.process = None
        self.interrupted_at = None

    # --------------------------------------------------------------------------------------------------------
    # Starting and stopping

    def start(self):
        program = shutil.which(PROGRAM)
        if program is None:
            raise EngineMissing(f"{PROGRAM}, which runs C cells, is not installed (Debian's package clang-tools-19). Run\n"
                                "    make notebooks\nin gptape's folder, or  apt install clang-tools-19 , then restart the kernel.")
        if not self.library.is_file():
            raise EngineMissing(f"{self.library}: file not found (gptape's library). Run\n    make\nin gptape's folder, "
                                "then run this cell again.")
        self.folder = tempfile.mkdtemp(prefix="gptape-cells-")
        self.reports, reports_in = os.pipe()
        flags = COMPILER_FLAGS + CHECKS + ["-w", "-fno-caret-diagnostics", f"-DCELL_REPORTS={reports_in}"]
        flags += [f"-I{folder}" for folder in (self.folder, *self.include_folders)]
        environment = {"OMP_WAIT_POLICY": "passive", **os.environ}     # idle threads leave the processor to others
        self.process = subprocess.Popen([program] + [f"-Xcc={flag}" for flag in flags], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[reports_in],
                                        start_new_session=True)
        os.close(reports_in)
        self.selector = selectors.DefaultSelector()
        self.open_pipes = {self.process.stdout.fileno(): "stdout", self.process.stderr.fileno(): "stderr", self.reports: "reports"}
        for pipe, name in self.open_pipes.items():
            os.set_blocking(pipe, False)
            self.selector.register(pipe, selectors.EVENT_READ, name)
        self.unfinished = b""
        Path(self.folder, "headers.h").write_text(INCLUDES)
        kernel = Path(__file__).parent
        files = (f'#include "{kernel / name}"' for name in ("runtime.c", "show.c", "plots.c"))
        for line in (f"%lib {self.library}", '#include "headers.h"', *files, "cell_start();"):
            self.send(line)
        self.wait_until_ready()

    def wait_until_ready(self):
        messages = []
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for name, data in self.read(0.1):
                if name == "reports" and any(report["report"] == "ready" for report in self.split_reports(data)):
                    return
                if name == "stderr":
                    messages.append(data.decode(errors="replace"))
            if not self.open_pipes or self.process.poll() is not None or "error:" in "".join(messages):
                break
        self.stop()
        raise EngineMissing(f"{PROGRAM} does not start:\n" + "".join(messages).strip())

    def running(self):
        return self.process is not None

    def stop(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except OSError:
                pass                                    # data that was still to be written is of no use any more
        os.close(self.reports)
        self.selector.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.process = None

    # --------------------------------------------------------------------------------------------------------
    # Running cells

    def send(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass                                        # it has ended, which the caller notices

    def read(self, seconds):
        """What has arrived on the pipes: pairs of a pipe's name and bytes."""
        for key, _ in self.selector.select(seconds):
            try:
                data = os.read(key.fd, CHUNK)
            except BlockingIOError:
                continue
            if data:
                yield key.data, data
            else:
                self.selector.unregister(key.fd)
                del self.open_pipes[key.fd]

    def split_reports(self, data):
        *lines, self.unfinished = (self.unfinished + data).split(b"\n")
        return [json.loads(line.decode(errors="replace")) for line in lines if line]

    def run(self, number, source, on_output, on_report):
        """Runs a translated cell. Callbacks: on_output(stream, text) for what it prints, on_report(report) for results to show."""
        file = Path(self.folder) / f"cell_{number}.c"
        file.write_text(source)
        self.send(f'#include "{file.name}"')
        self.send(f"cell_end({number});")
        outcome = Outcome()
        output = Output(on_output, outcome)
        done = False
        while not done and self.open_pipes:
            heard = False
            for name, data in self.read(0.05 if self.interrupted_at or outcome.compiler else 0.2):
                heard = True
                if name == "reports":
                    for report in self.split_reports(data):
                        done = self.take(report, number, outcome, on_report) or done
                else:
                    output.take(name, data)
            if self.reports not in self.open_pipes:
                self.process.kill()                     # it has ended, or the cell closed the pipe
            elif not heard and outcome.compiler:
                self.send(f"cell_end({number});")       # the engine loses an input or two after an error
            elif self.interrupted_at and not done:      # again and again: the first signal may come before the cell runs
                outcome.interrupted = True
                late = time.monotonic() > self.interrupted_at + INTERRUPT_SECONDS
                self.process.send_signal(signal.SIGKILL if late else signal.SIGINT)
        self.drain(output)
        output.close()
        if not done:
            outcome.status = self.process.wait()
            self.stop()
        return outcome

    def interrupt(self, *_):
        """A signal handler: ends the cell that runs, or is about to."""
        self.interrupted_at = self.interrupted_at or time.monotonic()

    def take(self, report, number, outcome, on_report):
        """Returns true for the last report of the cell."""
        if report["report"] == "ran":
            outcome.ran = report
        elif report["report"] == "crash":
            outcome.crash = report["what"]
        elif report["report"] != "end":
            on_report(report)
        return report["report"] == "end" and report["cell"] == number

    def drain(self, output):
        """Takes what is left in the pipes: all of it was written before the last report."""
        left = True
        while left:
            left = [(name, data) for name, data in self.read(0) if name != "reports"]
            for name, data in left:
                output.take(name, data)


class Output:
    """What a cell prints, as text, up to a limit. Messages of the compiler are kept apart."""

    COMPILER = re.compile(r"^(In file included from|error: |JIT session error: |(?:\S+\.[ch]|cell \d+):\d+:\d+: |input_line_)")

    def __init__(self, on_output, outcome):
        self.on_output = on_output
        self.outcome = outcome
        self.total = 0
        self.shown = 0
        self.rest = {"stdout": b"", "stderr": b""}      # the beginning of a character, or of a line on stderr

    def take(self, stream, data):
        self.total += len(data)
        if self.shown >= OUTPUT_LIMIT:
            return
        data = self.rest[stream] + data
        if stream == "stderr":
            end = data.rfind(b"\n") + 1                 # whole lines: their names are translated
        else:
            end = len(data) - unfinished_bytes(data)
        self.rest[stream] = data[end:]
        self.show(stream, data[:end])

    def show(self, stream, data):
        text = data[:OUTPUT_LIMIT - self.shown].decode(errors="replace")
        self.shown += len(data)
        if stream == "stderr":
            lines = text.splitlines(keepends=True)
            self.outcome.compiler += "".join(line for line in lines if self.COMPILER.match(line))
            text = as_in_cell("".join(line for line in lines if not self.COMPILER.match(line)))
        if text:
            self.on_output(stream, text)

    def close(self):
        for stream, data in self.rest.items():
            if data and self.shown < OUTPUT_LIMIT:
                self.show(stream, data)
        if self.total > OUTPUT_LIMIT:
            self.on_output("stderr", f"\n[The cell printed {self.total / 1e6:.1f} MB; only the first "
                                     f"{OUTPUT_LIMIT >> 20} MiB are shown.]\n")


def unfinished_bytes(data):
    """The number of bytes at the end of some UTF-8 that begin a character without completing it."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            return 0
    return 0
