"""What a cell shows besides text: values, tensors, and the pictures that it has drawn."""

import base64
import html
import re
from pathlib import Path

from names import as_in_cell

EDGE, AXIS = 3, 8               # as in show.c: an axis longer than AXIS shows its first and last EDGE entries

PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
PICTURE_LIMIT = 4 << 20         # bytes


# ------------------------------------------------------------------------------------------------------------
# Tensors

def shown_places(size):
    """The indices of an axis that are shown; None stands for those between."""
    return list(range(size)) if size <= AXIS else [*range(EDGE), None, *range(size - EDGE, size)]


def nested(values, shape):
    """A flat list of the shown values as nested lists; "..." stands for what lies between."""
    values = iter(values)

    def block(axes):
        if not axes:
            return next(values)
        return ["..." if place is None else block(axes[1:]) for place in shown_places(axes[0])]

    return block(shape)


def block_text(block, depth, width):
    if not isinstance(block, list):
        return f"{block:>{width}}"
    if not any(isinstance(entry, list) for entry in block):
        return "[" + " ".join(f"{entry:>{width}}" if entry != "..." else "..." for entry in block) + "]"
    return "[" + ("\n" + " " * (depth + 1)).join(block_text(entry, depth + 1, width) for entry in block) + "]"


def numbers_text(numbers, shape):
    width = max((len(value) for value in numbers["values"]), default=1)
    return block_text(nested(numbers["values"], shape), 0, width)


def statistics(numbers):
    return f"mean {numbers['mean']}, rms {numbers['rms']}, min {numbers['min']}, max {numbers['max']}"


def tensor_title(tensor):
    shape = "(" + ", ".join(map(str, tensor["shape"])) + ")"
    made = f" = {tensor['op']}  [{tensor['file']}:{tensor['line']}]" if tensor["op"] else ""
    return (tensor["name"] + " " if tensor["name"] else "") + shape + made


def tensor_text(tensor):
    lines = [tensor_title(tensor), numbers_text(tensor["data"], tensor["shape"]), statistics(tensor["data"])]
    if "grad" in tensor:
        lines += ["gradient", numbers_text(tensor["grad"], tensor["shape"]), statistics(tensor["grad"])]
    elif tensor["requires_grad"]:
        lines += ["gradient: none yet"]
    return "\n".join(lines)


STYLE = "font-family: monospace; text-align: right; padding: 1px 8px; border: none;"


def cell_html(value):
    return f'<td style="{STYLE}">{html.escape(value)}</td>'


def block_html(block):
    """Rows and columns; blocks of more dimensions one below the other."""
    if not isinstance(block, list):
        block = [block]
    if not any(isinstance(entry, list) for entry in block):
        block = [block]
    if any(isinstance(entry, list) and any(isinstance(e, list) for e in entry) for entry in block):
        return "".join("<div>⋮</div>" if entry == "..." else block_html(entry) for entry in block)
    width = max(len(row) for row in block if isinstance(row, list))
    rows = [["⋮"] * width if row == "..." else ["⋯" if value == "..." else value for value in row] for row in block]
    body = "".join("<tr>" + "".join(map(cell_html, row)) + "</tr>" for row in rows)
    return f'<table style="border-left: 1px solid; border-right: 1px solid; margin: 4px 0;">{body}</table>'


def numbers_html(name, numbers, shape):
    return (f"<div>{name}</div>{block_html(nested(numbers['values'], shape))}"
            f'<div style="opacity: 0.7">{html.escape(statistics(numbers))}</div>')


def tensor_html(tensor):
    parts = [f"<div><b>{html.escape(tensor_title(tensor))}</b></div>", numbers_html("", tensor["data"], tensor["shape"])]
    if "grad" in tensor:
        parts.append(numbers_html("gradient", tensor["grad"], tensor["shape"]))
    elif tensor["requires_grad"]:
        parts.append("<div>gradient: none yet</div>")
    return "<div>" + "".join(parts) + "</div>"


def result(report):
    """The MIME bundle of a report of show.c."""
    if report["report"] == "tensor":
        return {"text/plain": tensor_text(report), "text/html": tensor_html(report)}
    return {"text/plain": as_in_cell(report["text"]).rstrip()}


# ------------------------------------------------------------------------------------------------------------
# Pictures

class Folder:
    """A folder in which pictures may appear."""

    def __init__(self, path="."):
        self.path = Path(path)
        self.seen = self.states()

    def states(self):
        states = {}
        for file in self.path.iterdir():
            if file.suffix.lower() in PICTURES and file.is_file():
                state = file.stat()
                states[file] = (state.st_mtime_ns, state.st_size, state.st_ino)
        return states

    def new_pictures(self):
        """The files that are new or changed since the last call, oldest first."""
        states = self.states()
        new = [file for file, state in states.items() if self.seen.get(file) != state]
        self.seen = states
        return sorted(new, key=lambda file: (states[file][0], file.name))


def picture(file, chart=None):
    """The MIME bundle of a picture file; chart is its text for places without pictures."""
    data = file.read_bytes()
    kind = PICTURES[file.suffix.lower()]
    if len(data) > PICTURE_LIMIT:
        return {"text/plain": f"{file.name}: a picture of {len(data) / 1e6:.0f} MB, too large to be shown here"}
    if kind == "image/png":
        return {kind: base64.b64encode(data).decode(), "text/plain": chart or file.name}
    svg = data.decode(errors="replace")
    svg = svg[max(svg.find("<svg"), 0):]                # within a page an XML declaration has no place
    return {kind: svg, "text/plain": chart or "\n".join([file.name, *svg_texts(svg)])}


def svg_texts(svg):
    """What is written in an SVG, each text once."""
    texts = (html.unescape(re.sub(r"<[^>]*>", "", text)).strip() for text in re.findall(r"<text\b.*?</text>", svg, re.DOTALL))
    return list(dict.fromkeys(re.sub(r"\s+", " ", text) for text in texts if text))
