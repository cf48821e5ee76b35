"""Text for a compiler that is made of pieces of a cell: each line knows which line and columns of the cell it comes from."""

import bisect
import re


class Source:
    """The text of a cell, and where its lines begin."""

    def __init__(self, text):
        self.text = text
        self.starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def position(self, at):
        """Line and column of a place, counted from 1."""
        line = bisect.bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1


class Page:
    def __init__(self, source, label):
        self.source = source
        self.label = label
        self.lines = [""]
        self.origins = [None]                           # of each line: (line of the cell, [(column here, column in the cell)])

    def text(self, text):
        """Lines of the kernel's own."""
        first, *further = text.split("\n")
        self.lines[-1] += first
        self.lines += further
        self.origins += [None] * len(further)

    def cell(self, tokens, names):
        """Tokens of the cell, on lines of their own and in their columns, with the space between them."""
        line, column = self.source.position(tokens[0].start)
        self.text(f'\n#line {line} "cell {self.label}"\n')
        self.lines[-1] = " " * (column - 1)
        self.origins[-1] = (line, [(1, 1)])
        before = None
        for token in tokens:
            if before is not None:                      # comments and left-out tokens as the space that they take
                self.text(re.sub(r"[^\n]", " ", self.source.text[before.end:token.start]))
            self.token(token, names)
            before = token
        self.text("\n")

    def token(self, token, names):
        line, column = self.source.position(token.start)
        if self.origins[-1] is None:
            self.origins[-1] = (line, [])
        self.origins[-1][1].append((len(self.lines[-1]) + 1, column))
        first, *further = names.get(token.start, token.text).split("\n")
        self.lines[-1] += first
        if not further:                                 # what follows, or is missing, in its own column, too
            self.origins[-1][1].append((len(self.lines[-1]) + 1, column + len(token.text)))
        self.lines += further
        self.origins += [(line + k, [(1, 1)]) for k in range(1, len(further) + 1)]

    def append(self, page):
        self.lines += page.lines
        self.origins += page.origins

    def origin(self, line, column, nearest):
        """The line and column in the cell of a place here, whose column counts bytes. Of a place in the kernel's own text: (0, 0)
        or, if the nearest is wanted, the end of the cell's text before it."""
        if nearest:
            while line > 1 and self.origins[line - 1] is None:
                line -= 1
                column = len(self.lines[line - 1].encode()) + 1
        if not 1 <= line <= len(self.lines) or self.origins[line - 1] is None:
            return 0, 0
        column = len(self.lines[line - 1].encode()[:column - 1].decode(errors="ignore")) + 1
        cell_line, columns = self.origins[line - 1]
        here, there = max((pair for pair in columns if pair[0] <= column), default=(column, column))
        return cell_line, there + column - here

    def __str__(self):
        return "\n".join(self.lines)
