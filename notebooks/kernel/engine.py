"""The engine: a clang-repl process that compiles cells and runs them, and what it says.

Four pipes lead to it: C sources go in; what cells print comes out, on two; and on the last come runtime.c's reports, JSON a line.
A cell is over when its "end" report has come, or the process has ended.
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

from names import as_in_cell
from flags import COMPILER_FLAGS, INCLUDES

PROGRAM = "clang-repl-19"
START_SECONDS = 120
PATIENCE = 2                    # seconds an interrupted cell has to end by itself
OUTPUT_LIMIT = 1 << 20          # bytes a cell may print; the rest is counted, not shown
CHUNK = 1 << 16


class EngineMissing(Exception):
    """The engine, or what it needs, is not there; the message says how to get it."""


class Outcome:
    """How a cell went."""

    def __init__(self):
        self.ran = None         # runtime.c's report: how it ended, and with which message
        self.crash = None       # its last words
        self.status = None      # of a process that has ended: as from waitpid, negative for a signal
        self.interrupted = False
        self.compiler = ""      # what the compiler said; usually nothing, as libclang has read the cell before


class Engine:
    def __init__(self, library, include_folders):
        self.library = Path(library)
        self.include_folders = include_folders
        self.process = None

    # --------------------------------------------------------------------------------------------------------
    # Starting and stopping

    def start(self):
        program = shutil.which(PROGRAM)
        if program is None:
            raise EngineMissing(f"The C engine, {PROGRAM}, is not here. It is in Debian's package clang-tools-19: run\n"
                                "    make notebooks\nin gptape's folder, or  apt install clang-tools-19 , then restart the kernel.")
        if not self.library.is_file():
            raise EngineMissing(f"gptape's library, {self.library}, is not here. Run\n    make\nin gptape's folder, "
                                "then run this cell again.")
        self.folder = tempfile.mkdtemp(prefix="gptape-cells-")
        reports, reports_in = os.pipe()
        flags = COMPILER_FLAGS + ["-w", "-fno-caret-diagnostics", f"-I{self.folder}", f"-DCELL_REPORTS={reports_in}"]
        flags += [f"-I{folder}" for folder in self.include_folders]
        environment = {"OMP_WAIT_POLICY": "passive", **os.environ}     # threads that wait leave the processor to others
        self.process = subprocess.Popen([program] + [f"-Xcc={flag}" for flag in flags], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[reports_in],
                                        start_new_session=True)
        os.close(reports_in)
        self.selector = selectors.DefaultSelector()
        self.open_pipes = set()
        for pipe, name in ((self.process.stdout.fileno(), "stdout"), (self.process.stderr.fileno(), "stderr"), (reports, "reports")):
            os.set_blocking(pipe, False)
            self.selector.register(pipe, selectors.EVENT_READ, name)
            self.open_pipes.add(pipe)
        self.reports = reports
        self.unfinished = b""
        self.send(f"%lib {self.library}")
        Path(self.folder, "headers.h").write_text(INCLUDES)
        self.send('#include "headers.h"')
        for room in ("runtime.c", "show.c"):
            self.send(f'#include "{Path(__file__).parent / room}"')
        self.send("cell_start();")
        self.wait_until_ready()

    def wait_until_ready(self):
        said = []
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for name, data in self.read(0.1):
                if name == "reports" and any(report["report"] == "ready" for report in self.split_reports(data)):
                    return
                if name == "stderr":
                    said.append(data.decode(errors="replace"))
            if not self.open_pipes or self.process.poll() is not None:
                break
        self.stop()
        raise EngineMissing("The C engine does not start:\n" + "".join(said).strip())

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
                pass                                    # what was still to be written to it is not wanted any more
        os.close(self.reports)
        self.selector.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.process = None

    # --------------------------------------------------------------------------------------------------------
    # Talking

    def send(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass                                        # it has ended; whoever waits for its answer will see that

    def read(self, seconds):
        """What has come on the pipes: pairs of a pipe's name and bytes."""
        for key, _ in self.selector.select(seconds):
            try:
                data = os.read(key.fd, CHUNK)
            except BlockingIOError:
                continue
            if data:
                yield key.data, data
            else:
                self.selector.unregister(key.fd)
                self.open_pipes.discard(key.fd)

    def split_reports(self, data):
        lines = (self.unfinished + data).split(b"\n")
        self.unfinished = lines.pop()
        return [json.loads(line.decode(errors="replace")) for line in lines if line]

    def run(self, number, source, on_output, on_report):
        """Runs a translated cell. on_output(stream, text) is called with what it prints, on_report(report) with results to show."""
        file = Path(self.folder) / f"cell_{number}.c"
        file.write_text(source)
        self.send(f'#include "{file.name}"')
        self.send(f"cell_end({number});")
        outcome = Outcome()
        output = Output(on_output, outcome)
        deadline = None
        done = False
        while not done and self.open_pipes:
            try:
                heard = False
                for name, data in self.read(0.05 if deadline or outcome.compiler else 1):
                    heard = True
                    if name == "reports":
                        for report in self.split_reports(data):
                            done = self.take(report, number, outcome, on_report) or done
                    else:
                        output.take(name, data)
                if self.reports not in self.open_pipes:
                    self.process.kill()                 # it has ended, or the cell closed what it would be heard by
                if not heard and outcome.compiler:
                    self.send(f"cell_end({number});")   # after what can't be compiled or linked, an input or two are lost
            except KeyboardInterrupt:
                outcome.interrupted = True
                deadline = deadline or time.monotonic() + PATIENCE
                self.process.send_signal(signal.SIGINT)
            if deadline and time.monotonic() > deadline and not done:
                self.process.kill()
        self.drain(output)
        output.close()
        if not done:
            outcome.status = self.process.wait()
            self.stop()
        return outcome

    def take(self, report, number, outcome, on_report):
        """Returns whether this was the last report of the cell."""
        if report["report"] == "ran":
            outcome.ran = report
        elif report["report"] == "crash":
            outcome.crash = report["what"]
        elif report["report"] != "end":
            on_report(report)
        return report["report"] == "end" and report["cell"] == number

    def drain(self, output):
        """Takes what is left in the pipes: all of it was there before the last report was."""
        left = True
        while left:
            left = False
            for name, data in self.read(0):
                if name != "reports":
                    output.take(name, data)
                    left = True


class Output:
    """What a cell prints, as text, up to a limit. Lines of the compiler are kept apart from the cell's own."""

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
    """How many bytes at the end of some UTF-8 begin a character whose other bytes are still to come."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            return 0
    return 0
