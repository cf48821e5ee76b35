#!/usr/bin/python3
"""Writes the line numbers that gdb prints today into the sessions of the pages, where nothing else differs.

test_transcripts.c compares them; run this after a change that moves lines. See there what a session is."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["examples/README.md", "examples/advanced.md", "tensor/inspect/gdb/README.md"]
ADDRESS = re.compile(r"0x[0-9a-f]+")
NUMBER = re.compile(r"(?<=c:)\d+|(?<=line )\d+|^\d+(?=\t)")
OUTER = ("MAKEFLAGS", "MAKELEVEL", "XDG_CONFIG_HOME")


def key(line):
    return ADDRESS.sub("0x", NUMBER.sub("_", line))


def updated(match):
    start, *lines = match[1].splitlines()
    typed = "".join(line[6:] + "\n" for line in lines if line.startswith("(gdb) "))
    environment = {name: value for name, value in os.environ.items() if name not in OUTER} | {"HOME": "tests/debugger", "TERM": "dumb"}
    run = subprocess.run(start[2:], shell=True, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True)
    said = [line.removeprefix("(gdb) ") for line in (run.stdout + run.stderr).splitlines()]
    today = {key(line): NUMBER.findall(line) for line in said}
    for i, line in enumerate(lines):
        numbers = iter(today.get(key(line), NUMBER.findall(line)))
        lines[i] = NUMBER.sub(lambda _: next(numbers), line)
    return "```gdb\n" + "\n".join([start, *lines]) + "\n```"


for page in PAGES:
    path = ROOT / page
    path.write_text(re.sub(r"```gdb\n(\$.*?)\n```", updated, path.read_text(), flags=re.S))
