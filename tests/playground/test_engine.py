#!/usr/bin/python3
"""The engine under node: its numbers are the command line's, its errors are the command's lines, its size and its speed."""

import csv
import gzip
import io
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]

import counts

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "build/playground/engine.wasm"
GPTAPE = os.environ.get("GPTAPE_BIN", ROOT / "build/gptape")
METRICS = 6
ALONE = " --depths none"

# On x86-64 with glibc the numbers are the same bits. Another C library's exp or log may round the last of 53 bits differently, which is
# seen in a float after 1 rounding in 10^8, and amplified by what follows.
RELATIVE = 1e-6

SETTINGS = [
    "--depth 20 --seeds 3",
    "--depth 12 --width 16 --seeds 2 --activation tanh --init xavier",
    "--depth 6 --width 8 --activation gelu_erf --seeds 2 --residual pre --residual 'h + 0.5*f(h)' --residual highway",
    "--depth 5 --width 20 --activation sigmoid --seeds 1 --steps 5 --lr 0.01",
    "--depth 8 --width 4 --seeds 2 --probe paths --residual plain --residual none-plain",
    "--net gpt --config tiny --seeds 2",
    "--net gpt --config tiny --residual keel --residual highway --residual pre --residual dyt",
    "--net gpt --config tiny --init gpt2 --same-dy --causal off --probe paths",
    "--net gpt --config tiny --steps 3",
    "--net gpt --n-layer 2 --task copy --steps 3 --lr 0.01",
]


def call(*calls):
    words = [[name, settings and shlex.split(settings)] for name, settings in calls]
    result = subprocess.run(["node", Path(__file__).with_name("engine.mjs"), MODULE], input=json.dumps(words), capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout)


def native(settings, command="gradflow"):
    environment = {**os.environ, "GPTAPE_KERNELS": "plain"}
    return subprocess.run([GPTAPE, command, *shlex.split(settings)], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)


def rows(text):
    return list(csv.reader(io.StringIO(text)))


class NumbersTest(unittest.TestCase):
    def test_rows_are_the_command_lines(self):
        answers = call(*(["csv", settings + ALONE] for settings in SETTINGS))
        for settings, answer in zip(SETTINGS, answers):
            with self.subTest(settings):
                self.compare(rows(native(f"{settings}{ALONE} --quiet --csv -").stdout), rows(answer["result"]))

    def compare(self, expected, got):
        self.assertEqual(len(got), len(expected))
        self.assertGreater(len(got), 20)
        for want, have in zip(expected, got):
            for a, b in zip(want, have, strict=True):
                if a != b:
                    self.assertTrue(math.isclose(float(a), float(b), rel_tol=RELATIVE), (want, have))

    def test_metrics_are_the_medians_of_the_networks(self):
        settings = "--depth 7 --seeds 5" + ALONE
        result = call(["run", settings])[0]["result"]
        runs = json.loads(native(settings + " --json --plot none").stdout)["runs"]
        self.assertEqual(result["shortcuts"], [0, 6])
        for arm, shortcut in enumerate(["off", "on"]):
            networks = [run["layers"] for run in runs if run["shortcut"] == shortcut]
            self.assertEqual(len(networks), 5)
            for layer in range(7):
                own = statistics.median(network[layer]["weight_grad"] for network in networks)
                relative = statistics.median(network[layer]["weight_grad"] / network[6]["weight_grad"] for network in networks)
                for part, want in enumerate([own, relative]):
                    low, median, high, n = result["values"][((arm * 7 + layer) * 2 + part) * METRICS * 4:][:4]
                    self.assertTrue(math.isclose(median, want, rel_tol=1e-8), (shortcut, layer, median, want))
                    self.assertTrue(low <= median <= high and n == 5)

    def test_training_reports_each_step(self):
        answer = call(["run", "--net gpt --config tiny --steps 4 --shortcut on" + ALONE])[0]
        steps = [progress["step"] for progress in answer["progress"]]
        losses = [progress["loss"] for progress in answer["progress"]]
        self.assertEqual(steps, [0, 1, 2, 3, 4])
        self.assertEqual(len(answer["progress"][2]["values"]), answer["result"]["n_layer"] * METRICS)
        self.assertLess(losses[-1], losses[0])

    def test_rules_are_the_commands(self):
        self.assertEqual(call(["rules", None])[0]["result"], json.loads(native("--json", "rules").stdout))


class StepTest(unittest.TestCase):
    def test_gradient_at_a_shortcut_is_the_sum_of_both_paths(self):
        for settings, n_splits in [("--net mlp --depth 5 --width 4", 4), ("--n-layer 1", 2), ("--n-layer 1 --residual keel --stepwise on", 2),
                                   ("--net mlp --shortcut off", 0)]:
            with self.subTest(settings):
                step = call(["step", settings])[0]["result"]
                self.assertEqual(len(step["splits"]), n_splits)
                whole = {arrival["tensor"]: arrival["grad"] for arrival in step["backward"]}
                for split in step["splits"]:
                    for all_of_it, skip, block in zip(whole[split["tensor"]], split["skip"], split["block"], strict=True):
                        self.assertAlmostEqual(all_of_it, skip + block, delta=1e-6 * (abs(skip) + abs(block)) + 1e-12)

    def test_tape_is_in_order_and_the_walk_goes_back(self):
        step = call(["step", "--net mlp --depth 3"])[0]["result"]
        self.assertEqual([node["op"] for node in step["nodes"]], ["linear", "gelu", "add", "linear", "gelu", "add", "linear", "gelu", "mse_loss"])
        walk = [arrival["node"] for arrival in step["backward"]]
        self.assertEqual((sorted(walk, reverse=True), set(walk)), (walk, set(range(9))))
        for index, node in enumerate(step["nodes"]):
            self.assertEqual(step["tensors"][node["output"]]["node"], index)
            self.assertTrue(all(step["tensors"][i]["node"] < index for i in node["inputs"]))
        weight = next(tensor for tensor in step["tensors"] if tensor["name"] == "layers.0.weight")
        self.assertEqual((weight["shape"], weight["node"], len(weight["data"])), ([3, 3], -1, 9))


class ErrorsTest(unittest.TestCase):
    def test_errors_are_the_commands_lines(self):
        wrong = ["--residual 'h + g(h)'", "--depth 0", "--dpeth 3", "--depth", "--quiet=3", "--residual pre --shortcut on", "--net gpt --depth 3",
                 "--probe pahts", "--seeds x", "--residual f(h --seeds 1"]
        for settings, answer in zip(wrong, call(*(["run", settings] for settings in wrong))):
            with self.subTest(settings):
                self.assertEqual(answer.get("error"), native(settings).stderr.strip().splitlines()[-1])

    def test_files_are_refused(self):
        for answer in call(["run", "--model run"], ["run", "--net gpt --data x.txt"], ["run", "--csv x.csv"]):
            self.assertRegex(answer["error"], r"^gptape gradflow: --(model|data|csv): the page has no files; leave it out$")

    def test_sizes_beyond_the_memory_are_refused_with_the_size(self):
        huge = ["--depth 100000 --seeds 10000", "--depth 100 --width 65536", "--net gpt --config gpt2-124m", "--net gpt --config tiny --steps 1000000"]
        for settings, answer in zip(huge, call(*(["run", settings + ALONE] for settings in huge))):
            with self.subTest(settings):
                self.assertRegex(answer["error"], r"needs [0-9.]+ [MGT]i?B of memory, and this machine has 1[0-9.]+ MiB available")
                self.assertLess(answer["bytes"], 256e6)

    def test_the_engine_works_after_an_error(self):
        answers = call(["run", "--residual x"], ["step", "--n-layer 99"], ["csv", "--depth 3 --seeds 1" + ALONE])
        self.assertIn("error", answers[0])
        self.assertIn("error", answers[1])
        self.assertEqual(answers[2]["result"], native("--depth 3 --seeds 1 --quiet --csv -" + ALONE).stdout)


class LimitsTest(unittest.TestCase):
    def test_size(self):
        module = MODULE.read_bytes()
        packed = len(gzip.compress(module, 9))
        print(f"measured: engine: {len(module):,} bytes, {packed:,} gzipped (below 250,000 and 100,000)")
        self.assertLess(len(module), 250_000)
        self.assertLess(packed, 100_000)

    def test_calls_free_what_they_take(self):
        calls = [["run", "--depth 20 --seeds 20" + ALONE], ["step", "--n-layer 1"], ["run", "--net gpt --config tiny --steps 2" + ALONE],
                 ["run", "--residual 'h + g(h)'"], ["rules", None], ["csv", "--depth 5 --probe paths --seeds 3" + ALONE]]
        answers = call(*calls * 12)
        self.assertEqual(answers[3 * len(calls) - 1]["bytes"], answers[-1]["bytes"])

    # Printed, not asserted. Each in milliseconds of the processor; the native program's start is subtracted.
    def test_speed(self):
        def seconds(settings):
            before = os.times().children_user
            native(settings)
            return 1000 * (os.times().children_user - before)

        start = seconds("--depth 1 --seeds 1 --quiet --csv -" + ALONE)
        for settings in ["--depth 20 --seeds 20", "--depth 1000 --seeds 20", "--net gpt --seeds 1"]:
            answers = call(*[["run", settings + ALONE]] * 4)
            self.assertNotIn("error", answers[-1])
            engine = min(answer["milliseconds"] for answer in answers)
            plain = min(seconds(f"{settings} --quiet --csv -{ALONE}") - start for _ in range(2))
            ratio = f"{engine / plain:.1f} times the native plain kernels'" if plain > 20 else "too short to compare with the native"
            print(f"measured: {settings}: {engine:.0f} ms, {ratio}; {answers[-1]['bytes'] / 1e6:.0f} MB")
            self.assertLess(answers[-1]["bytes"], 256e6)


if __name__ == "__main__":
    sys.exit(counts.run(NumbersTest, StepTest, ErrorsTest, LimitsTest))
