"""Names: which tokens of a cell are locals, and what the others are called in the engine.

The engine compiles all cells into one program, in which a name can be defined once. So whatever a cell defines at its top level
gets a name of its own there: the `loss` of the seventh cell is loss__7, and so is every later use of it. Locals hide it as they
would in one file, so their scopes must be known.

clang-repl 19 does not forget C's locals at the end of their function: after  float f(float exp)  a later call of exp would find
that parameter. So a local with the name of something in the headers is renamed, too.
"""

import re

from pieces import CONTROL, closing, declarator, find, function_body, specifiers_end, split_at_commas, statement_end, text_at

VERSION = re.compile(r"\b([A-Za-z_]\w*?)__(?:\d+|now\d+|local)\b|(?<=void function ')(cell)_\d+")      # or the function of statements


def as_in_cell(text):
    """A message in the cell's own names."""
    return VERSION.sub(lambda name: name[1] or name[2], text)


class Scope:
    """The names declared in a block that ends at an index."""

    def __init__(self, end):
        self.end = end
        self.names = {}


def parameters(tokens, opening, types):
    """The names of the parameters in these brackets."""
    for part in split_at_commas(tokens[opening + 1:closing(tokens, opening)]):
        end = specifiers_end(part, 0, types)
        declared = declarator(part[end:]) if end > 0 else None
        if declared is not None:
            yield declared.name.text


def declared_at(tokens, i, types):
    """The names declared by the declaration at this index, if there is one."""
    end = specifiers_end(tokens, i, types)
    if end > i:
        for part in split_at_commas(tokens[end:find(tokens, i, ";")]):
            declared = declarator(part)
            if declared is not None:
                yield declared.name.text


def renamed(tokens, engine_names, file_names, types):
    """{place: text} of the tokens that have another text in the engine.

    engine_names are those of the cells' own definitions; file_names are declared in headers.
    """
    result = {}
    scopes = []
    starts = set()                                      # where a declaration may begin

    def declare(names):
        scopes[-1].names.update((name, name + "__local" if name in file_names else name) for name in names)

    function = function_body(tokens, 0, types)
    if function is not None:
        scopes.append(Scope(len(tokens)))
        declare(parameters(tokens, function[0] + 1, types))
    for i, token in enumerate(tokens):
        scopes = [scope for scope in scopes if scope.end > i]
        if token.kind == "mark" and token.text == "{":
            scopes.append(Scope(closing(tokens, i)))
            starts.add(i + 1)
        elif token.text in (";", "}"):
            starts.add(i + 1)
        elif token.text == "for" and text_at(tokens, i + 1) == "(":
            scopes.append(Scope(statement_end(tokens, i)))
            starts.add(i + 2)
        elif i in starts and scopes and token.text not in CONTROL:
            declare(declared_at(tokens, i, types))
        if token.kind == "name" and text_at(tokens, i - 1) not in (".", "->"):
            known = next((scope.names for scope in reversed(scopes) if token.text in scope.names), engine_names)
            text = known.get(token.text, token.text)
            if text != token.text:
                result[token.start] = text
    return result
