"""Text for a compiler that is made of pieces of a cell: each line remembers which line and columns of the cell it comes from."""

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
    """Text for a compiler that remembers which of its lines come from which line of the cell."""

    def __init__(self, text, label):
        self.source = text
        self.label = label
        self.lines = [""]
        self.origins = [None]                           # of each line: (line of the cell, [(column here, column in the cell)])

    def text(self, text):
        """Lines of the kernel's own."""
        for k, line in enumerate(text.split("\n")):
            if k > 0:
                self.lines.append("")
                self.origins.append(None)
            self.lines[-1] += line

    def cell(self, tokens, names):
        """Tokens of the cell, on lines of their own and in their columns, with what lies between them."""
        line, column = self.source.position(tokens[0].start)
        self.text(f'\n#line {line} "cell {self.label}"\n')
        self.lines[-1] = " " * (column - 1)
        self.origins[-1] = (line, [(1, 1)])
        for k, token in enumerate(tokens):
            if k > 0:
                self.between(self.source.text[tokens[k - 1].end:token.start])
            self.token(token, names)
        self.text("\n")

    def token(self, token, names):
        line, column = self.source.position(token.start)
        if self.origins[-1] is None:
            self.origins[-1] = (line, [])
        self.origins[-1][1].append((len(self.lines[-1]) + 1, column))
        text = names.get(token.start, token.text).split("\n")
        self.lines[-1] += text[0]
        for further in text[1:]:
            line += 1
            self.lines.append(further)
            self.origins.append((line, [(1, 1)]))

    def between(self, text):
        """What lies between two tokens, comments and left-out tokens as the space that they take."""
        lines = [" " * len(line) for line in text.split("\n")]
        self.lines[-1] += lines[0]
        for line in lines[1:]:
            self.lines.append(line)
            self.origins.append(None)

    def append(self, page):
        self.lines += page.lines
        self.origins += page.origins

    def origin(self, line, column):
        """The line and column in the cell of a place here, whose column counts bytes; (0, 0) for one of the kernel's own."""
        if not 1 <= line <= len(self.lines) or self.origins[line - 1] is None:
            return 0, 0
        column = len(self.lines[line - 1].encode()[:column - 1].decode(errors="ignore")) + 1
        cell_line, columns = self.origins[line - 1]
        before = [pair for pair in columns if pair[0] <= column] or [(column, column)]
        here, there = before[-1]
        return cell_line, there + column - here

    def __str__(self):
        return "\n".join(self.lines)
