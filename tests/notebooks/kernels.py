"""A kernel for a test: started as Jupyter starts it, in an empty folder, and given cell after cell."""

import os
import re
import tempfile
import unittest
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("JUPYTER_PATH", str(Path(__file__).resolve().parents[2] / "build/jupyter"))

from jupyter_client.manager import KernelManager  # it reads JUPYTER_PATH when it is imported

SECONDS = 300                                           # against hanging, not a test of speed


@dataclass
class Answer:
    """The messages that a cell caused."""
    status: str = ""
    stdout: str = ""
    stderr: str = ""
    traceback: list = field(default_factory=list)       # an error's lines, colored
    error: str = ""                                     # the same as one text without colors
    name: str = ""                                      # the error's name
    data: list = field(default_factory=list)            # MIME bundles, results and pictures
    kinds: list = field(default_factory=list)           # the kinds of all messages that show something, in order

    @property
    def value(self):
        return self.data[-1]["text/plain"] if self.data else None


class Notebook:
    """A running kernel, for a with statement. The arguments are environment variables of the kernel."""

    def __init__(self, **environment):
        self.folder = tempfile.TemporaryDirectory()
        self.environment = environment

    def __enter__(self):
        self.manager = KernelManager(kernel_name="gptape-c")
        self.manager.kernel_spec.env.update(self.environment)
        self.manager.start_kernel(cwd=self.folder.name)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.folder.cleanup()

    def run(self, code, on_output=None):
        """Runs a cell to its end. on_output(text) is called while it prints."""
        answer = Answer()

        def note(message):
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                setattr(answer, content["name"], getattr(answer, content["name"]) + content["text"])
                if on_output:
                    on_output(content["text"])
            elif kind in ("execute_result", "display_data"):
                answer.data.append(content["data"])
            elif kind == "error":
                answer.name = content["ename"]
                answer.traceback = content["traceback"]
                answer.error = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(content["traceback"]))
            if kind in ("stream", "execute_result", "display_data", "error"):
                answer.kinds.append(kind)

        reply = self.client.execute_interactive(code, output_hook=note, timeout=SECONDS, stop_on_error=False)
        answer.status = reply["content"]["status"]
        return answer

    def interrupt(self):
        self.manager.interrupt_kernel()

    def file(self, name):
        return Path(self.folder.name) / name

    def ask(self, request, *arguments):
        """Another request than running a cell: complete, inspect."""
        getattr(self.client, request)(*arguments)
        return self.client.get_shell_msg(timeout=SECONDS)["content"]


class KernelCase(unittest.TestCase):
    """Tests that share one kernel; each defines its own names."""
    environment = {}

    @classmethod
    def setUpClass(cls):
        cls.notebook = Notebook(**cls.environment).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.notebook.__exit__()

    def run_cell(self, code, **options):
        return self.notebook.run(code, **options)

    def succeed(self, code, **options):
        answer = self.run_cell(code, **options)
        self.assertEqual(answer.status, "ok", answer.error)
        return answer

    def fail_in(self, code, name):
        answer = self.run_cell(code)
        self.assertEqual(answer.status, "error")
        self.assertEqual(answer.name, name, answer.error)
        return answer

    def shows(self, code, value):
        self.assertEqual(self.succeed(code).value, value)
