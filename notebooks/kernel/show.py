"""What appears below a cell besides what it prints: values, tensors and the pictures that it has drawn."""

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

def nested(values, shape):
    """The shown values, one after the other, as nested lists; "..." stands for the entries left out."""
    values = iter(values)

    def block(axes):
        if not axes:
            return next(values)
        size, inner = axes[0], axes[1:]
        if size <= AXIS:
            return [block(inner) for _ in range(size)]
        return [*(block(inner) for _ in range(EDGE)), "...", *(block(inner) for _ in range(EDGE))]

    return block(shape)


def is_row(block):
    return not any(isinstance(entry, list) for entry in block)


def block_text(block, depth, width):
    if not isinstance(block, list):
        return f"{block:>{width}}"
    if is_row(block):
        return "[" + " ".join(entry if entry == "..." else f"{entry:>{width}}" for entry in block) + "]"
    return "[" + ("\n" + " " * (depth + 1)).join(block_text(entry, depth + 1, width) for entry in block) + "]"


TABLE = '<table style="border-left: 1px solid; border-right: 1px solid; margin: 4px 0; font-family: monospace; text-align: right;">'


def block_html(block):
    """A table of rows and columns; one below the other for more dimensions."""
    rows = block if isinstance(block, list) else [block]
    rows = [rows] if is_row(rows) else rows
    if not all(row == "..." or is_row(row) for row in rows):
        return "\n".join("<div>⋮</div>" if row == "..." else block_html(row) for row in rows)
    dots = ["⋮"] * max(len(row) for row in rows if row != "...")
    lines = (dots if row == "..." else ["⋯" if entry == "..." else html.escape(entry) for entry in row] for row in rows)
    return "\n".join([TABLE, *("<tr>" + "".join(f"<td>{entry}</td>" for entry in line) + "</tr>" for line in lines), "</table>"])


def tensor(report):
    """A tensor's title, values and gradient, as text and as HTML."""
    text, page = [report["title"]], [f"<b>{html.escape(report['title'])}</b>"]
    for name in ("data", "gradient"):
        if name in report:
            block = nested(report[name]["values"], report["shape"])
            heading = [] if name == "data" else [name]
            text += [*heading, block_text(block, 0, max(map(len, report[name]["values"]), default=1)), report[name]["statistics"]]
            page += [*heading, block_html(block), f'<span style="opacity: 0.7">{report[name]["statistics"]}</span>']
    if report["note"]:
        text.append(report["note"])
        page.append(report["note"])
    return {"text/plain": "\n".join(text), "text/html": "\n".join(f"<div>{part}</div>" for part in page)}


def result(report):
    """The MIME bundle of a report of show.c."""
    return tensor(report) if report["report"] == "tensor" else {"text/plain": as_in_cell(report["text"]).rstrip()}


# ------------------------------------------------------------------------------------------------------------
# Pictures

class Folder:
    """A folder in which pictures appear."""

    def __init__(self, path="."):
        self.path = Path(path)
        self.seen = self.states()

    def states(self):
        files = (file for file in self.path.iterdir() if file.suffix.lower() in PICTURES and file.is_file())
        return {file: (state.st_mtime_ns, state.st_size, state.st_ino) for file in files for state in [file.stat()]}

    def new_pictures(self):
        """The files that are new or changed since the last call, oldest first."""
        states = self.states()
        new = [file for file, state in states.items() if self.seen.get(file) != state]
        self.seen = states
        return sorted(new, key=lambda file: (states[file][0], file.name))


def picture(file, chart=None):
    """The MIME bundle of a picture file; chart is its text, for viewers without pictures."""
    data = file.read_bytes()
    kind = PICTURES[file.suffix.lower()]
    if len(data) > PICTURE_LIMIT:
        return {"text/plain": f"{file.name}: not shown, because it has {len(data) / 1e6:.0f} MB (expected at most {PICTURE_LIMIT >> 20} MiB)"}
    if kind == "image/png":
        return {kind: base64.b64encode(data).decode(), "text/plain": chart or file.name}
    svg = data.decode(errors="replace")
    svg = svg[max(svg.find("<svg"), 0):]                # an XML declaration is invalid within a page
    return {kind: svg, "text/plain": chart or "\n".join([file.name, *svg_texts(svg)])}


def svg_texts(svg):
    """What is written in an SVG, each text once."""
    texts = (html.unescape(re.sub(r"<[^>]*>", "", text)).strip() for text in re.findall(r"<text\b.*?</text>", svg, re.DOTALL))
    return list(dict.fromkeys(re.sub(r"\s+", " ", text) for text in texts if text))
