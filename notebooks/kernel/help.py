"""What Tab and Shift-Tab tell: names, and what gptape's public headers say about them.

The headers are written to be read: a declaration, its shapes and a formula in a comment behind it or above its group. So the text
of the header is shown, not a second description of it.
"""

import re

from pieces import CONTROL, QUALIFIERS, TAGGED, TYPE_WORDS, tokenize
from names import as_in_cell, renamed
from compiler import CELL_FILE, Kind

HEADERS = ["tensor/tensor.h", "tensor/inspect/inspect.h", "tensor/fast/fast.h", "nn/nn.h", "nn/gradflow/gradflow.h",
           "gpt/base/base.h", "gpt/gpt.h", "gpt/text/text.h", "gpt/stories/stories.h", "gpt/store/store.h", "gpt/lab/lab.h",
           "gpt/train/train.h", "gpt/plot/plot.h", "gpt/bench/bench.h"]
KEYWORDS = sorted(CONTROL | QUALIFIERS | TAGGED | TYPE_WORDS | {"typedef", "sizeof", "static", "NULL", "true", "false"})
MEMBER = re.compile(r"([A-Za-z_]\w*(?:\[[^\]]*\]|\([^()]*\)|->|\.|\w)*)(?:->|\.)\s*(\w*)$")
WORD = re.compile(r"[A-Za-z_]\w*")


class Help:
    def __init__(self, root):
        self.lines = {header: (root / header).read_text().split("\n") for header in HEADERS}
        self.texts = {}                                 # of each name in the headers: what is said about it

    # --------------------------------------------------------------------------------------------------------
    # Completion

    def complete(self, code, position, session):
        """The names that may stand at a position, and where the word there starts."""
        before = code[:position]
        member = MEMBER.search(before)
        if member:
            return members(member.group(1), member.group(2), session), position - len(member.group(2))
        word = re.search(r"[A-Za-z_]\w*$", before)
        prefix = word.group() if word else ""
        groups = [sorted(session.entities), sorted(session.macros), sorted(self.documented(session)), KEYWORDS,
                  sorted(set(WORD.findall(code)) - {prefix}), sorted(session.file_names)]
        names = [name for group in groups for name in group if name.startswith(prefix) and not name.startswith("_")]
        return list(dict.fromkeys(names)) if prefix else [], position - len(prefix)

    # --------------------------------------------------------------------------------------------------------
    # Inspection

    def inspect(self, code, position, session):
        """What is known about the name at a position, or about the function whose arguments are being written there; or None."""
        start = position
        while start > 0 and re.match(r"\w", code[start - 1]):
            start -= 1
        word = WORD.match(code, start)
        known = self.about(word.group(), session) if word else None
        return known or self.about_call(code[:position], session)

    def about_call(self, before, session):
        depth = 0
        for at in range(len(before) - 1, -1, -1):
            depth += (before[at] == ")") - (before[at] == "(")
            if depth < 0:
                name = re.search(r"([A-Za-z_]\w*)\s*$", before[:at])
                return self.about(name.group(1), session) if name else None
        return None

    def about(self, name, session):
        entity = session.entities.get(name)
        if entity is not None:
            return entity_text(name, entity)
        if name in session.macros:
            return session.macros[name]
        return self.documented(session).get(name) or self.elsewhere(name, session)

    def elsewhere(self, name, session):
        """The declaration of something in C's own headers."""
        if name not in session.file_names:
            return None
        for cursor in session.unit.cursor.get_children():
            if cursor.spelling == name:
                if cursor.kind == Kind.FUNCTION_DECL:
                    return function_text(name, cursor.type.spelling)
                return f"{cursor.type.spelling} {name}"
        return None

    def documented(self, session):
        """{name: text} for everything that gptape's headers declare; made when first asked for."""
        if not self.texts:
            for cursor in session.unit.cursor.get_children():
                header = self.header_of(cursor)
                if header and cursor.spelling:
                    first, last = cursor.extent.start.line, cursor.extent.end.line
                    self.add(cursor.spelling, header, first, last)
                    if cursor.kind == Kind.ENUM_DECL:
                        for constant in cursor.get_children():
                            self.add(constant.spelling, header, first, last)
            for header, lines in self.lines.items():
                for number, line in enumerate(lines, 1):
                    macro = re.match(r"#define (\w+)", line)
                    if macro and macro.group(1) not in self.texts and not macro.group(1).startswith("GPTAPE"):
                        self.add(macro.group(1), header, number, number)
        return self.texts

    def header_of(self, cursor):
        file = cursor.location.file
        return next((header for header in HEADERS if file is not None and file.name.endswith("/" + header)), None)

    def add(self, name, header, first, last):
        lines = self.lines[header]
        above = comment_above(lines, first)
        text = "\n".join(lines[first - 1:last])
        text = text.replace(", Where where)", ")")      # filled in by the macro of the same name
        place = f"{header}:{first}"
        self.texts[name] = "\n".join([*above, text, "", place])


def comment_above(lines, first):
    """The comment lines that stand over the group of lines that a declaration is in."""
    at = first - 2
    while at >= 0 and lines[at].strip() and not lines[at].startswith("//"):
        at -= 1
    comment = []
    while at >= 0 and lines[at].startswith("//") and "----" not in lines[at]:
        comment.insert(0, lines[at])
        at -= 1
    return comment


def function_text(name, type_spelling):
    result, _, rest = type_spelling.partition("(")
    return f"{result.strip()} {name}({rest}"


def entity_text(name, entity):
    if entity.kind == "function":
        return function_text(name, as_in_cell(entity.type)) + "\n\na function of this notebook"
    if entity.kind == "variable":
        return f"{as_in_cell(entity.type)} {name}\n\na variable of this notebook"
    return as_in_cell(entity.type) + f"\n\na {entity.kind} of this notebook"


def members(expression, prefix, session):
    """The members of what an expression names, or points to."""
    tokens = tokenize(expression)
    names = renamed(tokens, session.names(), set(), set())
    text = "".join(names.get(token.start, token.text) for token in tokens)
    found = []
    for arrow in ("->", "."):
        lines = session.before() + "\nvoid cell_complete(void)\n{\n    " + text + arrow
        row = lines.count("\n") + 1
        column = len(lines) - lines.rfind("\n")
        results = session.unit.codeComplete(CELL_FILE, row, column, unsaved_files=[(CELL_FILE, lines + "\n}\n")])
        for result in results.results if results else []:
            typed = [chunk.spelling for chunk in result.string if chunk.isKindTypedText()]
            if result.kind == Kind.FIELD_DECL and typed and typed[0].startswith(prefix):
                found.append(typed[0])
        if found:
            break
    return sorted(set(found))
