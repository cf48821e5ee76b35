"""What the cells so far have defined, and what the headers declare."""

import re
from pathlib import Path

from clang import cindex

from compiler import CELL_FILE, Kind
from flags import COMPILER_FLAGS, INCLUDES, OTHER_HEADERS, STANDARD_HEADERS, WARNINGS
from translation import Translation


def declared(unit):
    """The named declarations of a unit, the constants of enumerations included."""
    for cursor in unit.cursor.get_children():
        if cursor.kind.is_declaration() and cursor.spelling:
            yield cursor
        if cursor.kind == Kind.ENUM_DECL:
            yield from cursor.get_children()


class Session:
    def __init__(self, include_folders):
        self.folders = tuple(map(str, include_folders))
        self.arguments = COMPILER_FLAGS + [f"-I{folder}" for folder in self.folders]
        self.index = cindex.Index.create()
        self.entities = {}
        self.macros = {}
        self.summaries = []
        self.unit = None
        self.file_names = set()
        self.types = set()
        self.learn_headers()

    def learn_headers(self):
        """Notes what the headers declare."""
        for cursor in declared(self.parse(self.before())):
            self.file_names.add(cursor.spelling)
            if cursor.kind == Kind.TYPEDEF_DECL:
                self.types.add(cursor.spelling)

    def before(self):
        """What a cell is read after: the headers and a summary of the cells so far."""
        return INCLUDES + "#define exit(status) ((void)(status), __builtin_trap())\n" + "".join(self.summaries)

    def parse(self, text):
        """Reads a text; the first time it reads the headers, too, which are kept."""
        files = [(CELL_FILE, text)]
        if self.unit is None:
            options = cindex.TranslationUnit.PARSE_PRECOMPILED_PREAMBLE
            self.unit = self.index.parse(CELL_FILE, self.arguments + WARNINGS, unsaved_files=files, options=options)
        self.unit.reparse(files)
        return self.unit

    def standard_names(self):
        """The names of standard C and POSIX in the headers that every cell includes, without glibc's own."""
        text = "".join(f"#include <{header}>\n" for header in STANDARD_HEADERS)
        unit = self.index.parse("standard.c", ["-xc", "-std=c11", "-D_POSIX_C_SOURCE=200809L"], unsaved_files=[("standard.c", text)])
        return {cursor.spelling for cursor in declared(unit) if not cursor.spelling.startswith("_")}

    def header_of(self, name):
        """The header of C or POSIX that declares a name, or None."""
        def declare(headers):
            text = "".join(f"#include <{header}>\n" for header in headers)
            text += f"#ifndef {name}\nextern __typeof__({name}) *cell_found;\n#endif\n"
            unit = self.index.parse("header.c", COMPILER_FLAGS, unsaved_files=[("header.c", text)])
            return not any(diagnostic.severity >= cindex.Diagnostic.Error for diagnostic in unit.diagnostics)

        return next((header for header in OTHER_HEADERS if declare([header])), None) if declare(OTHER_HEADERS) else None

    def known_names(self):
        """All names that a cell may use, macros of gptape's headers included."""
        files = (include.include.name for include in self.unit.get_includes())
        macros = (re.findall(r"(?m)^#define (\w+)", Path(file).read_text()) for file in files if file.startswith(self.folders))
        return {*self.file_names, *self.entities, *self.macros, *(name for names in macros for name in names)}

    def names(self):
        """{name in cells: name in the engine}; a macro hides what has its name."""
        return {name: entity.engine_name for name, entity in self.entities.items()
                if not re.match(r"#\s*define", self.macros.get(name, ""))}

    def known_types(self):
        types = {name for name, entity in self.entities.items() if entity.kind == "type"}
        return (self.types - set(self.entities)) | types

    def translate(self, text, number, label):
        """The cell, ready for the engine, or with its errors. Each cell needs a number of its own; messages call it by its label."""
        return Translation(self, text, number, label).cell

    def keep(self, cell):
        """Notes what a cell defined, after the engine has compiled it."""
        self.entities.update(cell.entities)
        self.macros = {name: text for name, text in self.macros.items() if name not in cell.entities} | cell.macros
        self.summaries.append(cell.summary)
        if "#include" in cell.summary:
            self.learn_headers()
