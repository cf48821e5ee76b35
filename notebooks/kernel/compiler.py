"""What libclang reports about a cell: its messages, where they belong, and which types are constant."""

import ctypes
import difflib
import re

from clang import cindex

from cells import Problem
from names import as_in_cell

CELL_FILE = "cell.c"
NOT_CONSTANT = "initializer element is not a compile-time constant"
SIMILAR = 0.75                  # of two names, from 0 to 1, for one to be suggested for the other
SHOWN = "cell_shown"            # declared with the type of the cell's last expression

# Clang's messages about the most frequent mistakes of beginners, in plainer words.
PLAINER = [(r"^expected ';' (?:after|at end of) (?:the )?(.*)", r"missing ';' after the \1"), (r"^expected '([;()\]}])'", r"missing '\1'"),
           ("top level declarator", "declaration"), ("declaration list$", "member"),
           (r"^(?:implicit declaration of|implicitly declaring library) (function '\w+').*", r"unknown \1"),
           ("^(too (?:few|many) arguments) provided to function-like macro invocation", r"\1"),
           ("^use of undeclared identifier", "unknown name"), ("^void function 'cell' should not return a value", "return outside of a function"),
           ("^variable length array declaration not allowed at file scope", "the size of an array must be constant here, as from  enum { N = 3 };"),
           ("^multi-character character constant", "a text needs double quotes")]
UNKNOWN = re.compile(r"^unknown [a-z ]*'(\w+)'$")
ROOT_CAUSE = re.compile(r"missing|too (few|many) arguments$|(unexpected )?character <")     # what follows is misunderstood

Kind = cindex.CursorKind


def file_location(location):
    """Line and column; of something in a macro's argument, where it is written, not where the macro is."""
    file, line, column, offset = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
    cindex.conf.lib.clang_getFileLocation(location, ctypes.byref(file), ctypes.byref(line), ctypes.byref(column),
                                          ctypes.byref(offset))
    return line.value, column.value


def problems(unit, page, session):
    """(problems, places of initializers that are not constant) of a cell that was read as this page."""
    found = []
    not_constant = set()
    for diagnostic in unit.diagnostics:
        location = diagnostic.location
        in_cell = location.file is not None and location.file.name == CELL_FILE
        severity = "error" if diagnostic.severity >= cindex.Diagnostic.Error else "warning"
        place = page.origin(*file_location(location), severity == "error") if in_cell else (0, 0)
        if place[0] > 0 and (diagnostic.spelling == NOT_CONSTANT or severity == "warning"):
            not_constant.add(place)                     # right in a cell, whose values are computed as it runs
        if diagnostic.spelling == NOT_CONSTANT and place[0] > 0:
            continue
        if severity == "error" or place[0] > 0:
            elsewhere = f"{location.file.name}:{location.line}: " if location.file is not None and not in_cell else ""
            found.append(Problem(severity, elsewhere + plainer(as_in_cell(diagnostic.spelling), session), *place))
    found.sort(key=lambda problem: problem.severity != "error")
    cause = next((i for i, problem in enumerate(found) if ROOT_CAUSE.match(problem.message)), len(found))
    return found[:cause + 1], not_constant


def plainer(message, session):
    for pattern, words in PLAINER:
        message = re.sub(pattern, words, message)
    unknown = UNKNOWN.match(message)
    if unknown is None:
        return message
    name = unknown.group(1)
    header = session.header_of(name)
    if header is not None:
        return f"{message}: missing #include <{header}>"
    similar = difflib.get_close_matches(name, session.known_names(), 1, SIMILAR)
    if similar == [name]:
        return f"missing '(' and arguments after '{name}'"          # a macro of gptape's headers
    return message + (f"; did you mean '{similar[0]}'?" if similar else "")


def is_constant(cursor):
    """Is it const, or an array of const entries?"""
    kind = cursor.type.get_canonical()
    while kind.kind in (cindex.TypeKind.CONSTANTARRAY, cindex.TypeKind.INCOMPLETEARRAY) and not kind.is_const_qualified():
        kind = kind.element_type
    return kind.is_const_qualified()
