#!/usr/bin/python3
"""Runs sizes that need not fit in memory, and compares the memory that they take with what `gptape info` predicts.

    check.py GPTAPE SIZE...

For each size: one arm of gradflow on 1 x 16 tokens, and one token, both streamed. Sizes whose weights fit are also run in memory, and must
give the same CSV and the same token. Fails if the resident memory is more than 15 % from the prediction. Times are printed, not judged.
"""
import json
import os
import subprocess
import sys
import tempfile

MOST_DIFFERENCE = 0.15
LEAST = 100 * 2**20                                # bytes; below, the program itself is most of it


def run(command):
    """Standard output, peak resident bytes, processor seconds, wall seconds."""
    read, write = os.pipe()
    start = os.times()
    child = subprocess.Popen(command, stdout=write)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status != 0:
        sys.exit(f'failed with status {status}: {" ".join(command)}')
    return text, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime, os.times().elapsed - start.elapsed


def check(name, predicted, measured, processor, wall):
    difference = measured / predicted - 1
    load = os.getloadavg()[0]
    print(f'{name:22} {measured / 2**30:6.2f} GiB ({100 * difference:+.1f} % of the prediction)'
          f' {processor:8.1f} s of processor time, {wall:8.1f} s, load {load:.1f}', flush=True)
    return abs(difference) <= MOST_DIFFERENCE or predicted < LEAST


def check_size(gptape, size, folder):
    info = json.loads(subprocess.run([gptape, 'info', '--config', size, '--json'], capture_output=True, check=True).stdout)['running_bytes']
    available = int(next(line for line in open('/proc/meminfo') if line.startswith('MemAvailable')).split()[1]) * 1024
    held = info['gradflow']['held'] < 0.8 * available
    good = True
    outputs = {}
    for stream in ['on', 'off'] if held else ['on']:
        kind = 'streamed' if stream == 'on' else 'held'
        csv = os.path.join(folder, f'{kind}.csv')
        flow = [gptape, 'gradflow', '--net', 'gpt', '--config', size, '--batch', '1', '--length', '16', '--shortcut', 'on', '--stream', stream,
                '--plot', 'none', '--csv', csv]
        _, *figures = run(flow)
        good = check(f'{size}, gradflow', info['gradflow'][kind], *figures) and good
        token, *figures = run([gptape, 'generate', '--config', size, '--tokens', '1', '--greedy', '--quiet', '--stream', stream, '--ids'])
        good = check(f'{size}, a token', info['token'][kind], *figures) and good
        outputs[stream] = (token, open(csv).read())
    if held and outputs['on'] != outputs['off']:
        print(f'{size}: streamed and in memory, the numbers differ')
        good = False
    return good


def main():
    gptape, *sizes = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        results = [check_size(gptape, size, folder) for size in sizes]
    sys.exit(0 if all(results) else 1)


main()
