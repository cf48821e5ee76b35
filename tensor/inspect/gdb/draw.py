# draw.py: the commands heat and plot.

import math
import os
import re
import subprocess

import gdb

from .look import command, say, tensor_and_slice, view
from .printers import FRONT_END
from .read import printable
from .text import number

# From the largest negative to the largest positive value, in xterm's 256 colors, and from 0 to the largest in letters.
COOL_TO_WARM = (21, 27, 33, 75, 117, 159, 255, 229, 222, 215, 208, 202, 196)
SHADES = " .:-=+*#%@"
HEAT_ROWS, HEAT_COLUMNS = 32, 48
PLOT_LINES = 8


def matrix_of(argument, name):
    """Title, values, rows and columns of the requested tensor; all axes but the last are rows."""
    tensor, chosen = tensor_and_slice(argument, name)
    values, shape, label = view(tensor, tensor.values(), chosen)
    columns = shape[-1] if shape else 1
    return f"{tensor.called}{label}", values, len(values) // columns, columns


def largest(values):
    return max((abs(value) for value in values if math.isfinite(value)), default=0)


def mean_of(cells):
    """Their mean; if not all are finite, -inf if all are, else NaN."""
    if all(map(math.isfinite, cells)):
        return sum(cells) / len(cells)
    return -math.inf if all(value == -math.inf for value in cells) else math.nan


def heat_cell(value, most, colored):
    """Two columns of the terminal: blue for negative, white for 0, red for positive; a letter where there are no colors."""
    if not math.isfinite(value):
        return "--" if value == -math.inf else "??"
    share = 0 if most == 0 else value / most
    if colored:
        return f"\033[48;5;{COOL_TO_WARM[round((share + 1) / 2 * (len(COOL_TO_WARM) - 1))]}m  \033[0m"
    letter = SHADES[round(abs(share) * (len(SHADES) - 1))]
    return ("-" if share < 0 and letter != " " else " ") + letter


@command("heat")
def heat(argument):
    """Show a tensor as colored blocks: blue negative, red positive.
Usage: heat T, heat T[0,1]. White is 0, -- is -inf, ?? is NaN. All axes but the
last are rows. Of more than 32 x 48 values, each block is the mean of neighbors.
Without colors (set style enabled off, or no terminal) a darker letter is a
larger value, with a - before negative ones."""
    title, values, rows, columns = matrix_of(argument, "heat")
    tall, wide = -(-rows // HEAT_ROWS), -(-columns // HEAT_COLUMNS)
    cells = [[mean_of([value for i in range(r, min(r + tall, rows))
                       for value in values[i * columns + c:i * columns + min(c + wide, columns)]])
              for c in range(0, columns, wide)] for r in range(0, rows, tall)]
    most = largest(value for line in cells for value in line)
    colored = gdb.parameter("style enabled") and os.environ.get("TERM", "dumb") != "dumb" and not FRONT_END
    blocks = f", each block the mean of {tall} x {wide}" if tall > 1 or wide > 1 else ""
    say(f"{title}, {rows} rows of {columns}, from {number(-most)} to {number(most)}{blocks}")
    say("\n".join("".join(heat_cell(value, most, colored) for value in line).rstrip() for line in cells))


@command("plot")
def plot(argument):
    """Draw a tensor with gnuplot, in the terminal or as a picture.
Usage: plot T, plot T[0] draws each row as a line over its columns;
plot T FILE.png (or .svg, .pdf) draws a matrix in colors, a vector as a line."""
    match = re.fullmatch(r"(.*?)\s+(\S+\.(png|svg|pdf))", argument, re.DOTALL)
    expression, path, kind = match.groups() if match else (argument, None, None)
    title, values, rows, columns = matrix_of(expression, "plot")
    terminal = {"png": "pngcairo", "svg": "svg", "pdf": "pdfcairo"}.get(kind, "dumb size 78,24")
    title = f"{title if path or len(title) < 48 else title[:44] + '...'} ({rows} x {columns})"     # fits the terminal
    drawn = gnuplot(plot_script(title, values, rows, columns, terminal))
    if path is None:
        say(drawn.decode(errors="replace").strip("\f\n"))
        return
    try:
        with open(os.path.expanduser(path), "wb") as file:
            file.write(drawn)
    except OSError as error:
        raise gdb.GdbError(f"{path}: {error.strerror}") from None
    say(f"drew {printable(path)}")


def gnuplot_text(text):
    """A string that gnuplot takes as it is: between single quotes only the quote itself is special, and lines must not end."""
    return "'" + printable(text).replace("'", "''") + "'"


def plot_script(title, values, rows, columns, terminal):
    """The picture goes to standard output, so no file name is in the script."""
    heat_map = not terminal.startswith("dumb") and rows > 1
    drawn = rows if heat_map else min(rows, PLOT_LINES)
    lines = [" ".join(f"{value:.9g}".replace("nan", "NaN") for value in values[r * columns:(r + 1) * columns]) for r in range(drawn)]
    script = [f"set terminal {terminal}", f"set title {gnuplot_text(title)} noenhanced", "$values << END", *lines, "END"]
    if heat_map:
        most = largest(values) or 1
        script += [f"set cbrange [{-most}:{most}]", "set palette defined (-1 'blue', 0 'white', 1 'red')",
                   "set yrange [*:*] reverse", "set autoscale fix", "plot $values matrix with image notitle"]
    else:
        script += ["set key outside" if drawn > 1 else "unset key", "set offsets graph 0.02, graph 0.02, 0, 0",
                   "plot " + ", ".join(f"$values matrix every :::{r}::{r} using 1:3 with linespoints title 'row {r}'"
                                       for r in range(drawn))]
    return "\n".join(script) + "\n"


def gnuplot(script):
    """What gnuplot draws to standard output."""
    try:
        done = subprocess.run(["gnuplot", "-d", "-"], input=script.encode(), capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        raise gdb.GdbError("gnuplot is not installed (heat draws without it)") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise gdb.GdbError(f"gnuplot failed: {printable(lines[-1]) if lines else done.returncode}")
    return done.stdout
