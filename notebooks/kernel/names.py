"""What the names in a cell stand for: which tokens are locals, and what the others are called in the engine.

The engine compiles all cells into one program, in which a name can be defined once. So whatever a cell defines at its top level
gets a name of its own there, loss__7 for the loss of the seventh cell, and every later use of loss is written loss__7. Locals hide
it as they would in one file, so their reach must be known.

clang-repl 19 forgets to take C's locals out of sight where their function ends: after  float f(float exp)  a later call of exp
would find that parameter. A local that is called as something in the headers therefore gets another name, too.
"""

import re

from pieces import (CONTROL, OPENING, TYPE_OF, closing, declarator, function_body, specifiers_end,
                    split_at_commas, statement_end, text_at)

VERSION = re.compile(r"\b([A-Za-z_]\w*?)__(?:\d+|now\d+|local)\b|(?<=void function ')(cell)_\d+")      # or the function of statements


def as_in_cell(text):
    """A message of the compiler in the cell's own names."""
    return VERSION.sub(lambda name: name[1] or name[2], text)


class Scope:
    """The names declared in a stretch of tokens that ends at a place."""

    def __init__(self, end):
        self.end = end
        self.names = {}


def parameters(tokens, opening, types):
    """The names of the parameters in the brackets at a place."""
    for part in split_at_commas(tokens[opening + 1:closing(tokens, opening)]):
        end = specifiers_end(part, 0, types)
        declared = declarator(part[end:]) if end > 0 else None
        if declared is not None:
            yield declared.name.text


def declared_at(tokens, i, types):
    """The names that the declaration at this place declares, each with the place where it begins to count."""
    end = specifiers_end(tokens, i, types)
    if end == i:
        return
    stop = i
    while stop < len(tokens) and tokens[stop].text != ";":
        stop = (closing(tokens, stop) if tokens[stop].text in OPENING and tokens[stop].kind == "mark" else stop) + 1
    for part in split_at_commas(tokens[end:stop]):
        declared = declarator(part)
        if declared is not None:
            yield declared.name


def renamed(tokens, engine_names, file_names, types):
    """The tokens' texts in the engine, those that differ: {start: text}.

    engine_names are those of the cells' own definitions; file_names what the headers declare.
    """
    result = {}
    scopes = []
    starts = set()                                      # where a declaration may stand
    body = function_body(tokens, 0, types)
    if body is not None:
        scopes.append(Scope(len(tokens)))
        for name in parameters(tokens, next(i for i, t in enumerate(tokens) if t.text == "(" and tokens[i - 1].kind == "name"
                                            and tokens[i - 1].text not in TYPE_OF), types):
            scopes[-1].names[name] = local_name(name, file_names)
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
            for name in declared_at(tokens, i, types):
                scopes[-1].names[name.text] = local_name(name.text, file_names)
        if token.kind == "name" and text_at(tokens, i - 1) not in (".", "->"):
            text = meaning(token.text, scopes, engine_names)
            if text != token.text:
                result[token.start] = text
    return result


def local_name(name, file_names):
    return name + "__local" if name in file_names else name


def meaning(name, scopes, engine_names):
    for scope in reversed(scopes):
        if name in scope.names:
            return scope.names[name]
    return engine_names.get(name, name)
