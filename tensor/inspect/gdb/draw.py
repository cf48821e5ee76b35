# draw.py: the commands heat and plot.

import math
import os
import re
import subprocess

import gdb

from .look import Command, tensor_and_slice, view_of
from .printers import FRONT_END
from .text import number


# Five steps from the largest negative to the largest positive value, in xterm's 256 colours and in letters.
COOL_TO_WARM = (21, 27, 33, 75, 117, 159, 255, 229, 222, 215, 208, 202, 196)
SHADES = " .:-=+*#%@"
HEAT_ROWS, HEAT_COLUMNS = 32, 48


def shrink(view):
    """The values as at most HEAT_ROWS x HEAT_COLUMNS means of neighbours."""
    rows, columns = view.as_matrix()
    tall = -(-rows // HEAT_ROWS)
    wide = -(-columns // HEAT_COLUMNS)
    out = []
    for r in range(0, rows, tall):
        line = []
        for c in range(0, columns, wide):
            cells = [value for i in range(r, min(r + tall, rows))
                     for value in view.values[i * columns + c:i * columns + min(c + wide, columns)]]
            finite = [value for value in cells if math.isfinite(value)]
            line.append(sum(finite) / len(finite) if len(finite) == len(cells) else
                        (-math.inf if all(value == -math.inf for value in cells) else math.nan))
        out.append(line)
    return out, tall, wide


def heat_cell(value, most, coloured):
    """Two columns of the terminal: blue for negative, white for 0, red for positive; a letter where there are no colours."""
    if math.isnan(value):
        return "??"
    if value == -math.inf:
        return "--"
    share = 0 if most == 0 else max(-1.0, min(1.0, value / most))
    if coloured:
        colour = COOL_TO_WARM[round((share + 1) / 2 * (len(COOL_TO_WARM) - 1))]
        return f"\033[48;5;{colour}m  \033[0m"
    letter = SHADES[round(abs(share) * (len(SHADES) - 1))]
    return ("-" if share < 0 and letter != " " else " ") + letter


class HeatCommand(Command):
    """Show a tensor as a picture of coloured blocks: blue is negative, white 0, red positive; -- is -inf, ?? NaN.
heat T, heat T[0,1]. Axes before the last two are laid below each other; more than 32 x 48 values are shown as means of neighbours.
Without colours (set style enabled off, or no terminal) the darker letter is the larger, with a - before negative ones."""

    name = "heat"

    def run(self, argument):
        tensor, chosen = tensor_and_slice(argument, self.name)
        view = view_of(tensor, tensor.values(), chosen)
        cells, tall, wide = shrink(view)
        finite = [abs(value) for line in cells for value in line if math.isfinite(value)]
        most = max(finite, default=0)
        coloured = gdb.parameter("style enabled") and os.environ.get("TERM", "dumb") != "dumb" and not FRONT_END
        rows, columns = view.as_matrix()
        lines = [f"{tensor.called}{view.label}, {rows} rows of {columns}, from {number(-most)} to {number(most)}"]
        if tall > 1 or wide > 1:
            lines[0] += f", each block the mean of {tall} x {wide}"
        lines += ["".join(heat_cell(value, most, coloured) for value in line) for line in cells]
        self.say("\n".join(line.rstrip() for line in lines))


PLOT_LINES = 8


class PlotCommand(Command):
    """Draw a tensor through gnuplot: each row a line over its columns, in the terminal; or a picture.
plot T, plot T[0]; plot T FILE.png (or .svg, .pdf) draws a matrix as colours, a vector as a line."""

    name = "plot"

    def run(self, argument):
        match = re.fullmatch(r"(.*?)\s+(\S+\.(png|svg|pdf))", argument, re.DOTALL)
        expression, path, kind = match.groups() if match else (argument, None, None)
        tensor, chosen = tensor_and_slice(expression, self.name)
        view = view_of(tensor, tensor.values(), chosen)
        title = f"{tensor.called}{view.label} {tensor.shape_text()}"
        text = self.gnuplot(self.script(view, title, path, kind))
        self.say(f"drew {path}" if path else text.strip("\f\n"))

    def script(self, view, title, path, kind):
        rows, columns = view.as_matrix()
        picture = path is not None and rows > 1
        lines = view.values if picture else view.values[:min(rows, PLOT_LINES) * columns]
        data = "\n".join(" ".join(f"{value:.9g}".replace("nan", "NaN") for value in lines[i:i + columns])
                         for i in range(0, len(lines), columns))
        terminal = {"png": "pngcairo", "svg": "svg", "pdf": "pdfcairo"}.get(kind, "dumb size 78,24")
        quoted = path.replace("'", "''") if path else ""
        head = [f"set terminal {terminal}", f"set output '{quoted}'" if path else "", f"set title \"{title}\" noenhanced",
                f"$values << END_OF_VALUES\n{data}\nEND_OF_VALUES"]
        if picture:
            most = max((abs(value) for value in lines if math.isfinite(value)), default=0) or 1
            head += [f"set cbrange [{-most}:{most}]", "set palette defined (-1 'blue', 0 'white', 1 'red')",
                     "set yrange [*:*] reverse", "set autoscale fix", "plot $values matrix with image notitle"]
        else:
            shown_rows = min(rows, PLOT_LINES)
            head += ["set key outside" if shown_rows > 1 else "unset key", "set offsets graph 0.02, graph 0.02, 0, 0",
                     "plot " + ", ".join(f"$values matrix every :::{i}::{i} using 1:3 with linespoints title 'row {i}'"
                                         for i in range(shown_rows))]
        return "\n".join(head) + "\n"

    def gnuplot(self, script):
        try:
            done = subprocess.run(["gnuplot", "-"], input=script, capture_output=True, text=True, timeout=60, check=False)
        except FileNotFoundError:
            raise gdb.GdbError("gnuplot is not installed; heat T draws without it.") from None
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise gdb.GdbError(f"gnuplot could not draw it: {lines[-1] if lines else done.returncode}")
        return done.stdout
