# text.py: numbers, matrices and tables as text. Long axes are shortened, as in tensor_print.

import math
import operator
import re

import gdb


def finite_of(values):
    """The finite ones: values itself if all are, which their sum tells at once."""
    return values if math.isfinite(sum(values)) else [value for value in values if math.isfinite(value)]


def l2(values):
    """sqrt(sum x^2) of the finite ones, summed in double."""
    total = sum(map(operator.mul, values, values))
    return math.sqrt(total) if math.isfinite(total) else math.sqrt(sum(value * value for value in finite_of(values)))


def bad_text(values):
    """"2 NaN, 1 inf", or "" if all are finite."""
    if math.isfinite(sum(values)):
        return ""
    counts = ((sum(map(math.isnan, values)), "NaN"), (sum(map(math.isinf, values)), "inf"))
    return ", ".join(f"{count} {word}" for count, word in counts if count > 0)


def mean_abs(values):
    return sum(map(abs, values)) / len(values)


def number(value):
    return f"{value:.4g}"


def l2_text(values):
    return "  ".join(word for word in (f"|grad| {number(l2(values))}", bad_text(values)) if word)


class View:
    """Some of a tensor's values: a flat list of numbers and a shape. label says which slice it is."""

    def __init__(self, values, shape, label=""):
        self.values = values
        self.shape = shape
        self.label = label

    def sliced(self, text):
        """The view that "0,:,3" chooses: one number, or start:stop, for each axis from the first on."""
        strides = [math.prod(self.shape[d + 1:]) for d in range(len(self.shape))]
        parts = [part.strip() for part in text.split(",")]
        if len(parts) > len(self.shape):
            raise gdb.GdbError(f"[{text}] has {len(parts)} indices; the tensor has {len(self.shape)} dimensions")
        start, shape, steps = 0, [], []
        for d, size in enumerate(self.shape):
            chosen = parse_index(parts[d] if d < len(parts) else ":", d, size)
            start += chosen.start * strides[d]
            if not isinstance(chosen, Single):
                shape.append(chosen.stop - chosen.start)
                steps.append(strides[d])
        values = gather(self.values, start, shape, steps)
        return View(values, tuple(shape), f"[{text}]")

    def as_matrix(self):
        """(rows, columns): all but the last axis together."""
        columns = self.shape[-1] if self.shape else 1
        return len(self.values) // columns, columns


class Single:
    def __init__(self, index):
        self.start = index


def parse_index(text, d, size):
    """"3", "-1", ":", "1:4" as Single or range; gdb.GdbError if it is none or beyond the axis."""
    match = re.fullmatch(r"\s*(-?\d+)?\s*(:)?\s*(-?\d+)?\s*", text)
    if match is None or not (match[1] or match[2]) or (match[3] and not match[2]):
        raise gdb.GdbError(f"'{text}' is no index: write 3, -1, : or 1:4")

    def place(word, otherwise):
        index = otherwise if word is None else int(word)
        return index + size if index < 0 else index

    if match[2] is None:
        index = place(match[1], 0)
        if not 0 <= index < size:
            raise gdb.GdbError(f"index {text} is beyond axis {d}, whose size is {size}")
        return Single(index)
    chosen = range(place(match[1], 0), place(match[3], size))
    if not 0 <= chosen.start < chosen.stop <= size:
        raise gdb.GdbError(f"{text} chooses nothing of axis {d}, or goes beyond its size, {size}")
    return chosen


def gather(values, start, shape, steps):
    if not shape:
        return values[start:start + 1]
    if steps[-1] == 1 and len(shape) == 1:
        return values[start:start + shape[0]]
    out = values[0:0]
    for i in range(shape[0]):
        out.extend(gather(values, start + i * steps[0], shape[1:], steps[1:]))
    return out


def shown(size, most):
    """The indices of an axis that are shown, None where some are left out."""
    if size <= most:
        return list(range(size))
    edge = most // 2
    return list(range(edge)) + [None] + list(range(size - edge, size))


def value_text(value):
    return f"{value:11.4g}"


def block_text(values, shape, rows, columns, depth=0):
    """Nested brackets, a row a line. rows, columns: how many are shown of a longer axis."""
    if len(shape) <= 1:
        parts = ["  ..." if i is None else value_text(values[i]) for i in shown(len(values), columns)]
        return "[" + " ".join(parts) + "]"
    inner = len(values) // shape[0]
    parts = ["..." if i is None else block_text(values[i * inner:(i + 1) * inner], shape[1:], rows, columns, depth + 1)
             for i in shown(shape[0], rows)]
    return "[" + ("\n" + " " * (depth + 1)).join(parts) + "]"


def table_text(rows, to_the_right=()):
    """Rows of words as aligned columns."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [word.rjust(width) if c in to_the_right else word.ljust(width)
                 for c, (word, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
