# text.py: numbers, matrices and tables as text.

import math
import operator
import re

import gdb


def number(value):
    return f"{value:.4g}"


def finite_of(values):
    """The finite values: all of them if their sum is finite."""
    return values if math.isfinite(sum(values)) else [value for value in values if math.isfinite(value)]


def l2(values):
    """sqrt(sum x^2) of the finite values, summed in double."""
    finite = finite_of(values)
    return math.sqrt(sum(map(operator.mul, finite, finite)))


def mean_abs(values):
    return sum(map(abs, values)) / len(values)


def bad_text(values):
    """"2 NaN, 1 inf", or "" if all are finite."""
    counts = ((sum(map(math.isnan, values)), "NaN"), (sum(map(math.isinf, values)), "inf"))
    return "" if math.isfinite(sum(values)) else ", ".join(f"{count} {word}" for count, word in counts if count)


def l2_text(values):
    return f"|grad| {number(l2(values))}  {bad_text(values)}".rstrip()


def stats_text(values):
    """"min -1.2  mean 0.01  max 1.3", of the finite values, and how many are not."""
    finite = finite_of(values) or [math.nan]
    return (f"min {number(min(finite))}  mean {number(sum(finite) / len(finite))}  max {number(max(finite))}  "
            f"{bad_text(values)}").rstrip()


def shape_text(shape):
    return "(" + ", ".join(map(str, shape)) + ")"


def table_text(rows, to_the_right=()):
    """Rows of words as aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(word.rjust(width) if c in to_the_right else word.ljust(width)
                               for c, (word, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


# Matrices: a flat list of values and a shape.

def select(values, shape, text):
    """The values and the shape that "0,:,3" selects: an index, or start:stop, for each axis from the first on."""
    words = [word.strip() for word in text.split(",")]
    if len(words) > len(shape):
        raise gdb.GdbError(f"[{text}] has {len(words)} indices; the tensor has {len(shape)} dimensions")
    axes = [axis_range(words[d] if d < len(words) else ":", d, size) for d, size in enumerate(shape)]
    starts = [0]
    for d, (axis, _) in enumerate(axes):
        stride = math.prod(shape[d + 1:])
        starts = [start + i * stride for start in starts for i in axis]
    return ([values[start] for start in starts], tuple(len(axis) for axis, kept in axes if kept))


def axis_range(text, d, size):
    """The indices that "3", "-1", ":" or "1:4" selects of an axis, and whether the axis is kept."""
    match = re.fullmatch(r"(-?\d+)?\s*(:)?\s*(-?\d+)?", text)
    if match is None or not (match[1] or match[2]) or (match[3] and not match[2]):
        raise gdb.GdbError(f"'{text}' is not an index (expected 3, -1, : or 1:4)")
    start = int(match[1] or 0)
    start += size if start < 0 else 0
    stop = int(match[3] or size) if match[2] else start + 1
    stop += size if stop < 0 else 0
    if not 0 <= start < stop <= size:
        raise gdb.GdbError(f"[{text}] is outside axis {d} of size {size}" if match[2] is None or stop > size or start < 0 else
                           f"[{text}] selects nothing of axis {d} of size {size}")
    return range(start, stop), match[2] is not None


def shown(size, most):
    """The indices of an axis that are shown, None where some are left out."""
    edge = most // 2
    return range(size) if size <= most else [*range(edge), None, *range(size - edge, size)]


def matrix_text(values, shape, rows=16, columns=8, depth=0):
    """Nested brackets, one line per row; of longer axes only the first and last rows and columns, as in tensor_print."""
    if len(shape) <= 1:
        return "[" + " ".join("  ..." if i is None else f"{values[i]:11.4g}" for i in shown(len(values), columns)) + "]"
    inner = len(values) // shape[0]
    parts = ["..." if i is None else matrix_text(values[i * inner:(i + 1) * inner], shape[1:], rows, columns, depth + 1)
             for i in shown(shape[0], rows)]
    return "[" + ("\n" + " " * (depth + 1)).join(parts) + "]"
