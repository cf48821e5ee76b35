"""What the cells so far have defined, and what the headers declare."""

from clang import cindex

from compiler import CELL_FILE, Kind
from flags import COMPILER_FLAGS, INCLUDES, WARNINGS
from translation import Translation


class Session:
    def __init__(self, include_folders):
        self.arguments = COMPILER_FLAGS + [f"-I{folder}" for folder in include_folders]
        self.index = cindex.Index.create()
        self.entities = {}
        self.macros = {}
        self.summaries = []
        self.unit = None
        self.file_names = set()
        self.types = set()
        self.learn_headers()

    def learn_headers(self):
        """Takes note of what the headers declare."""
        for cursor in self.parse(self.before()).cursor.get_children():
            if cursor.kind.is_declaration() and cursor.spelling:
                self.file_names.add(cursor.spelling)
                if cursor.kind == Kind.TYPEDEF_DECL:
                    self.types.add(cursor.spelling)
                if cursor.kind == Kind.ENUM_DECL:
                    self.file_names.update(child.spelling for child in cursor.get_children())

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

    def names(self):
        """{name in cells: name in the engine}"""
        return {name: entity.engine_name for name, entity in self.entities.items()}

    def known_types(self):
        cell_types = {name for name, entity in self.entities.items() if entity.kind == "type"}
        return (self.types | cell_types) - {name for name, entity in self.entities.items() if entity.kind != "type"}

    def translate(self, text, number, label):
        """The cell, ready for the engine, or with the errors that are in it. No two cells have the same number; label is what
        the cell is called in messages."""
        return Translation(self, text, number, label).cell

    def keep(self, cell):
        """Remembers what a cell defined, once the engine has it."""
        self.entities.update(cell.entities)
        self.macros.update(cell.macros)
        self.summaries.append(cell.summary)
        if "#include" in cell.summary:
            self.learn_headers()
