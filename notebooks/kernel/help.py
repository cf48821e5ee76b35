"""What Tab and Shift-Tab show: names, and what gptape's public headers say about them.

The headers are written to be read: a declaration, its shapes and a formula in a comment behind it or above its group. So the text
of the header is shown, not a second description.
"""

import re

from compiler import CELL_FILE, Kind
from names import as_in_cell, renamed
from pieces import CONTROL, QUALIFIERS, TAGGED, TYPE_WORDS, tokenize
from session import declared

KEYWORDS = sorted(CONTROL | QUALIFIERS | TAGGED | TYPE_WORDS | {"typedef", "sizeof", "static", "NULL", "true", "false"})
MEMBER = re.compile(r"([A-Za-z_]\w*(?:\[[^\]]*\]|\([^()]*\)|->|\.|\w)*)(?:->|\.)\s*(\w*)$")
WORD = re.compile(r"[A-Za-z_]\w*")


class Help:
    def __init__(self, root, session):
        self.root = root
        self.headers = {}                               # the lines of each public header
        self.texts = {}                                 # what the headers say about each name in them
        for cursor in declared(session.unit):
            file = cursor.location.file
            if file is not None and file.name.startswith(f"{root}/"):
                whole = cursor.semantic_parent if cursor.kind == Kind.ENUM_CONSTANT_DECL else cursor
                self.add(cursor.spelling, file.name, whole.extent.start.line, whole.extent.end.line)
        for file, lines in self.headers.items():
            for number, line in enumerate(lines, 1):
                macro = re.match(r"#define (?!GPTAPE)(\w+)", line)
                if macro and macro.group(1) not in self.texts:
                    self.add(macro.group(1), file, number, number)
        self.standard = session.standard_names()

    def add(self, name, file, first, last):
        if file not in self.headers:
            with open(file) as header:
                self.headers[file] = header.read().split("\n")
        lines = self.headers[file]
        text = "\n".join(lines[first - 1:last]).replace(", Where where)", ")")     # added by the macro of the same name
        place = file.removeprefix(f"{self.root}/") + f":{first}"
        self.texts[name] = "\n".join([*comment_above(lines, first), text, "", place])

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
        groups = [session.entities, session.macros, self.texts, KEYWORDS, set(WORD.findall(code)) - {prefix}, self.standard]
        names = [name for group in groups for name in sorted(group) if name.startswith(prefix) and not name.startswith("_")]
        return list(dict.fromkeys(names)) if prefix else [], position - len(prefix)

    # --------------------------------------------------------------------------------------------------------
    # Inspection

    def inspect(self, code, position, session):
        """What is known about the name at a position, or about the function whose arguments are written there; or None."""
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
            text = as_in_cell(entity.type)
            if entity.kind in ("function", "variable"):
                text = declaration_text(name, text)
            return f"{text}\n\na {entity.kind} of this notebook"
        return session.macros.get(name) or self.texts.get(name) or in_other_headers(name, session)


def in_other_headers(name, session):
    """The declaration of something in C's own headers."""
    cursors = declared(session.unit) if name in session.file_names else ()
    return next((declaration_text(name, cursor.type.spelling) for cursor in cursors if cursor.spelling == name), None)


def comment_above(lines, first):
    """The comment above the group of lines that a declaration is in."""
    at = first - 2
    while at >= 0 and lines[at].strip() and not lines[at].startswith("//"):
        at -= 1
    comment = []
    while at >= 0 and lines[at].startswith("//") and "----" not in lines[at]:
        comment.insert(0, lines[at])
        at -= 1
    return comment


def declaration_text(name, kind):
    """int (double)  with a name is  int name(double) ."""
    result, bracket, rest = kind.partition("(")
    return f"{result.strip()} {name}{bracket}{rest}"


def members(expression, prefix, session):
    """The members of what an expression names, or points to."""
    tokens = tokenize(expression)
    names = renamed(tokens, session.names(), set(), set())
    text = "".join(names.get(token.start, token.text) for token in tokens)
    found = set()
    for arrow in ("->", "."):
        lines = session.before() + "\nvoid cell_complete(void)\n{\n    " + text + arrow
        row = lines.count("\n") + 1
        column = len(lines) - lines.rfind("\n")
        results = session.unit.codeComplete(CELL_FILE, row, column, unsaved_files=[(CELL_FILE, lines + "\n}\n")])
        for result in results.results if results and not found else []:
            typed = [chunk.spelling for chunk in result.string if chunk.isKindTypedText()]
            if result.kind == Kind.FIELD_DECL and typed and typed[0].startswith(prefix):
                found.add(typed[0])
    return sorted(found)
