#!/usr/bin/python3
"""Runs the notebooks and compares their outputs with the stored ones.

    tests/notebooks/test_notebooks.py                        all of them
    tests/notebooks/test_notebooks.py 03_layer               those with this in their name
    tests/notebooks/test_notebooks.py --update [NAME]        stores the outputs

Text and integers must be the same. Other numbers may differ by a thousandth, or by one in their last digit, because other processors
add in another order. Of a picture, only the text in it is compared. Cells may have tags:

    loose               all numbers may differ by a twentieth: rounding errors grow over many steps of training
    varies              only the kinds of outputs must be the same: random text, or text from a trained model
    raises-exception    the cell is meant to fail
    needs-vocabulary    the notebook is skipped without GPT-2's vocabulary
"""

import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support"), str(ROOT / "notebooks/kernel")]

import counts
import kernels                                          # sets JUPYTER_PATH before Jupyter reads it
import nbformat
import show
from nbconvert.preprocessors import ExecutePreprocessor

SECONDS = 600                                           # for one cell: against hanging, not a test of speed
TIGHT, LOOSE = 1e-3, 5e-2
PIXEL = 1.01                                            # of a picture that is stored again only if it changed
NUMBER = re.compile(r"[-−]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def notebooks(name):
    return [file for folder in ("notebooks", "notebooks/solutions") for file in sorted((ROOT / folder).glob("*.ipynb"))
            if name in file.name]


def has_vocabulary():
    """Where the library looks for it."""
    shared = os.environ.get("XDG_DATA_HOME", "")
    shared = Path(shared) if shared.startswith("/") else Path.home() / ".local/share"
    return Path(os.environ.get("GPTAPE_DATA") or shared / "gptape", "vocab.bpe").is_file()


# ------------------------------------------------------------------------------------------------------------
# Running

def run(notebook):
    """Runs a notebook's cells in an empty folder, and replaces their outputs."""
    with tempfile.TemporaryDirectory() as folder:
        runner = ExecutePreprocessor(timeout=SECONDS, startup_timeout=SECONDS, kernel_name="gptape-c", record_timing=False)
        runner.preprocess(notebook, {"metadata": {"path": folder}})
    for cell in code_cells(notebook):
        cell.outputs = joined(cell.outputs)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def joined(outputs):
    """The outputs, with pieces of the same stream joined."""
    result = []
    for output in outputs:
        if result and output.output_type == "stream" == result[-1].output_type and output.name == result[-1].name:
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def update(file):
    """Stores the outputs that a notebook has now; those that are the same but for rounding stay as they are."""
    kept = nbformat.read(file, as_version=4)
    notebook = nbformat.from_dict(kept)
    run(notebook)
    for cell, before in zip(code_cells(notebook), code_cells(kept)):
        if same_outputs(before, cell):
            cell.outputs = before.outputs
    notebook.metadata = {"kernelspec": {"display_name": "C (gptape)", "language": "c", "name": "gptape-c"},
                         "language_info": {"file_extension": ".c", "mimetype": "text/x-csrc", "name": "c"}}
    nbformat.validate(notebook)
    file.write_text(nbformat.writes(notebook).rstrip("\n") + "\n")


def same_outputs(a, b):
    """Are all the outputs of two cells the same, pictures included, but for rounding and what varies?"""
    if [output.output_type for output in a.outputs] != [output.output_type for output in b.outputs]:
        return False
    if "varies" in a.metadata.get("tags", []):
        return True
    pairs = zip(map(str, map(all_texts, a.outputs)), map(str, map(all_texts, b.outputs)))
    return all(difference(x, y, TIGHT, PIXEL if "<svg" in x else 0) is None for x, y in pairs)


def all_texts(output):
    return output.data if "data" in output else texts(output)


# ------------------------------------------------------------------------------------------------------------
# Comparing

def texts(output):
    """The texts of an output that are compared."""
    if output.output_type == "stream":
        return [output.name, output.text]
    if output.output_type == "error":
        return [output.ename, *output.traceback]
    if "image/svg+xml" in output.data:
        return ["picture", *show.svg_texts(output.data["image/svg+xml"])]
    return [output.data.get("text/plain", "")]


def last_digit(text):
    """The value of one in the last digit of a written number."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals)


def value(text):
    return float(text.replace("−", "-").replace(",", ""))


def same_number(kept, came, tolerance, absolute):
    a, b = value(kept), value(came)
    if tolerance < LOOSE and absolute == 0 and (kept + came).replace(",", "").isdigit():
        return a == b
    return abs(a - b) <= max(absolute, tolerance * max(abs(a), abs(b)), 1.01 * max(last_digit(kept), last_digit(came)))


def difference(kept, came, tolerance, absolute=0):
    """What differs between two texts; None if nothing does. The numbers of lines in the library's files are ignored."""
    kept, came = (re.sub(r"(\w/\w+\.[ch]):\d+", r"\1", text) for text in (kept, came))
    if [" ".join(part.split()) for part in NUMBER.split(kept)] != [" ".join(part.split()) for part in NUMBER.split(came)]:
        return f"kept:\n{kept}\ncame:\n{came}"
    for a, b in zip(NUMBER.findall(kept), NUMBER.findall(came)):
        if not same_number(a, b, tolerance, absolute):
            return f"{a} became {b} in:\n{came}"
    return None


def compare(kept, came):
    """The differences between the stored outputs of a notebook's cells and the new ones."""
    found = []
    for place, (a, b) in enumerate(zip(code_cells(kept), code_cells(came)), 1):
        if "varies" in a.metadata.get("tags", []):
            kinds = [[output.output_type for output in joined(outputs)] for outputs in (a.outputs, b.outputs)]
            found += [f"code cell {place}: {kinds[0]} became {kinds[1]}"] if kinds[0] != kinds[1] else []
            continue
        tolerance = LOOSE if "loose" in a.metadata.get("tags", []) else TIGHT
        was = [text for output in joined(a.outputs) for text in texts(output)]
        now = [text for output in b.outputs for text in texts(output)]
        if len(was) != len(now):
            found.append(f"code cell {place}: kept {was}\ncame {now}")
            continue
        differences = [difference(x, y, tolerance) for x, y in zip(was, now)]
        found += [f"code cell {place}: {text}" for text in differences if text]
    return found


class ComparisonTest(unittest.TestCase):
    """The comparison itself must find differences."""

    def test_numbers(self):
        self.assertIsNone(difference("loss 2.7312 of 3", "loss 2.7315  of 3", TIGHT))
        self.assertIsNone(difference("1.5e-09", "1.4e-09", TIGHT))
        self.assertIn("2.73 became 2.83", difference("loss 2.73", "loss 2.83", TIGHT))
        self.assertIsNotNone(difference("1.50e-09", "1.50e-08", TIGHT))
        self.assertIsNotNone(difference("−1", "1", TIGHT))
        self.assertIsNotNone(difference("124,439,808", "124,439,809", TIGHT))
        self.assertIsNotNone(difference("(2, 3)", "(3, 2)", TIGHT))
        self.assertIsNotNone(difference("token 27018", "token 27019", TIGHT))

    def test_texts(self):
        self.assertIsNotNone(difference("falls", "rises", LOOSE))
        self.assertIsNotNone(difference("1", "nan", LOOSE))

    def test_outputs(self):
        def notebook(*outputs):
            return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=list(outputs))])

        out = nbformat.v4.new_output("stream", name="stdout", text="1\n")
        err = nbformat.v4.new_output("stream", name="stderr", text="1\n")
        shown = [nbformat.v4.new_output("display_data", {"image/svg+xml": f"<svg><text>{text}</text></svg>"}) for text in ("a", "b")]
        self.assertEqual(compare(notebook(out), notebook(out)), [])
        self.assertTrue(compare(notebook(out), notebook()))
        self.assertTrue(compare(notebook(out), notebook(err)))
        self.assertTrue(compare(notebook(shown[0]), notebook(shown[1])))

    def test_only_changed_pictures_are_stored_again(self):
        def cell(path, tags=()):
            output = nbformat.v4.new_output("display_data", {"image/svg+xml": f"<svg><path d='M1.00,{path} L5,6'/></svg>"})
            return nbformat.v4.new_code_cell(outputs=[output], metadata={"tags": list(tags)})

        self.assertTrue(same_outputs(cell("7.25"), cell("7.26")))
        self.assertFalse(same_outputs(cell("7.25"), cell("9.26")))
        self.assertFalse(same_outputs(cell("7.25"), cell("7.25 L1,2")))
        self.assertTrue(same_outputs(cell("7.25", ["varies"]), cell("9.26")))


class NotebookTest(unittest.TestCase):
    """One test per notebook, added below."""

    def check(self, file):
        kept = nbformat.read(file, as_version=4)
        nbformat.validate(kept)
        if not has_vocabulary() and any("needs-vocabulary" in cell.metadata.get("tags", []) for cell in kept.cells):
            self.skipTest("GPT-2's vocabulary is missing")
        came = nbformat.from_dict(kept)
        run(came)
        differences = compare(kept, came)
        self.assertEqual(differences, [], "\n".join(differences))


def add_tests(name):
    for file in notebooks(name):
        def test(self, file=file):
            self.check(file)
        folder = "solutions_" if file.parent.name == "solutions" else ""
        setattr(NotebookTest, "test_" + folder + file.stem, test)


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--update"]
    if "--update" in sys.argv[1:]:
        for file in notebooks(names[0] if names else ""):
            print(file.name, flush=True)
            update(file)
        sys.exit(0)
    add_tests(names[0] if names else "")
    sys.exit(counts.run(ComparisonTest, NotebookTest))
