"""A cell as the C that the engine is given for it.

    cell                         engine
    float y = sqrtf(2);          float y__7 = {0};
                                 void cell_7_1(void) {
                                 float y__7_value = sqrtf(2); memcpy(&y__7, &y__7_value, sizeof y__7);
    half(y)                      cell_show_real(half__now5(y__7));
                                 }
                                 cell_run((void (*const[])(void)){cell_7_1}, 1);

Statements become functions, so that they run in order with the declarations' values, and can be ended early. A function is called
through a pointer: defined again with the same type, the new one also answers the calls from older cells. A variable of the same
type is the same variable with a new value. Anything else of the same name is a new thing, and what was compiled before keeps the old.

libclang reads a cell first, after a summary of the cells before it: its messages go to the user, and the engine is only given
what compiles, since after an error it is left with half of a cell.
"""

import re

from clang import cindex

from cells import Cell, Entity, Problem
from compiler import (NOT_CONSTANT, PROBLEMS_SHOWN, file_location, is_constant, location_in_cell, showing, size_filled_in)
from names import as_in_cell, renamed
from page import Page, Source
from pieces import (ANNOUNCED, CONSTANT, DIRECTIVE, FUNCTION, PROTOTYPE, STATEMENT, STORAGE, TYPE, VARIABLES, defined_types,
                    function_body, split, tokenize)


def without_storage(tokens):
    return [token for token in tokens if token.text not in STORAGE]


class Translation:
    """One cell on its way into the engine."""

    def __init__(self, session, text, number, label):
        self.session = session
        self.source = Source(text)
        self.label = label
        self.cell = Cell(number)
        self.pieces = split(tokenize(text), session.known_types())
        self.types = session.known_types() | {name for piece in self.pieces if piece.kind == TYPE
                                              for name, how in defined_types(piece.tokens).items() if how != CONSTANT}
        self.names = session.names()
        self.drop_what_is_known_already()
        self.name_definitions()
        self.read()
        if not self.cell.errors:
            self.decide()
            self.write()

    # --------------------------------------------------------------------------------------------------------
    # Names

    def own(self, name):
        return f"{name}__{self.cell.number}"

    def type_text(self, piece, names):
        return " ".join(names.get(token.text, token.text) for token in piece.tokens)

    def drop_what_is_known_already(self):
        """A type defined again as it was is the same type; a prototype or extern of what earlier cells defined says nothing new."""
        for piece in self.pieces:
            if piece.kind == PROTOTYPE and all(declared.name.text in self.session.entities for declared in piece.declarators):
                piece.tokens = []
            if piece.kind == TYPE:
                defined = [name for name, how in defined_types(piece.tokens).items() if how != ANNOUNCED]
                known = [self.session.entities.get(name) for name in defined]
                if known and None not in known and all(e.type == self.type_text(piece, self.names) for e in known):
                    piece.tokens = []
        self.pieces = [piece for piece in self.pieces if piece.tokens]

    def name_definitions(self):
        """Gives everything that the cell defines its name in the engine."""
        for piece in self.pieces:
            if piece.kind == TYPE:
                for name, how in defined_types(piece.tokens).items():
                    self.name_type(name, how)
            elif piece.kind == FUNCTION:
                self.names[piece.name.text] = self.own(piece.name.text)
            elif piece.kind == VARIABLES:
                for declared in piece.declarators:
                    self.names[declared.name.text] = self.own(declared.name.text)
        for piece in self.pieces:
            if piece.kind == TYPE:
                for name in defined_types(piece.tokens):
                    self.cell.entities[name].type = self.type_text(piece, self.names)

    def name_type(self, name, how):
        known = self.cell.entities.get(name) or self.session.entities.get(name)
        if known is not None and known.kind == "type" and not known.complete:
            engine_name = known.engine_name             # it was only announced so far
        else:
            engine_name = self.own(name)
        here = self.cell.entities.get(name)
        complete = how != ANNOUNCED or (here is not None and here.complete)
        self.names[name] = engine_name
        self.cell.entities[name] = Entity("constant" if how == CONSTANT else "type", engine_name, complete=complete)

    def in_engine(self, piece):
        """The texts of a piece's tokens that differ in the engine."""
        if piece.kind == TYPE:
            types = {name: entity.engine_name for name, entity in {**self.session.entities, **self.cell.entities}.items()
                     if entity.kind in ("type", "constant")}
            return renamed(piece.tokens, types, set(), set())   # without types no member is taken for a local
        if piece.kind == DIRECTIVE:
            return {token.start: self.directive(token.text) for token in piece.tokens if token.kind == "directive"}
        return renamed(piece.tokens, self.names, self.session.file_names, self.types)

    def directive(self, text):
        """A macro's text with the names of the engine."""
        if not re.match(r"#\s*define\b", text):
            return text
        tokens = tokenize("\n" + text[1:])
        names = renamed(tokens[2:], self.names, set(), set()) if len(tokens) > 2 else {}
        for token in reversed(tokens[2:]):
            if token.start in names:
                text = text[:token.start] + names[token.start] + text[token.end:]
        return text

    # --------------------------------------------------------------------------------------------------------
    # Reading: libclang says what is wrong, and of which type everything is

    def read(self):
        page = Page(self.source, self.label)
        page.text(self.session.before() + self.macros_again())
        self.write_reading(page)
        unit = self.session.parse(str(page))
        self.not_constant = set()
        for diagnostic in unit.diagnostics:
            self.note(diagnostic, page)
        self.cell.problems.sort(key=lambda problem: problem.severity != "error")
        del self.cell.problems[PROBLEMS_SHOWN:]
        own = f"__{self.cell.number}"
        self.cursors = {cursor.spelling: cursor for cursor in unit.cursor.get_children()
                        if cursor.spelling.endswith(own) or cursor.spelling == "cell_shown"}

    def macros_again(self):
        """The macros of earlier cells, in today's names."""
        return "".join(f"\n#undef {name}\n{self.directive(text)}\n" for name, text in self.session.macros.items())

    def write_reading(self, page):
        """The cell as a file: declarations as they are, statements in functions."""
        statements = []
        for piece in self.pieces:
            if piece.kind == STATEMENT and piece.tokens[-1].text not in (";", "}"):
                self.close_reading(page, statements)
                page.text("\nextern __typeof__(")
                page.cell(piece.tokens, self.in_engine(piece))
                page.text(") *cell_shown;\n")
            elif piece.kind == STATEMENT:
                statements.append(piece)
            else:
                self.close_reading(page, statements)
                self.undefine(page, piece)
                page.cell(piece.tokens, self.in_engine(piece))
        self.close_reading(page, statements)

    def close_reading(self, page, statements):
        if statements:
            page.text(f"\nvoid cell_{len(page.lines)}(void)\n{{")
            for piece in statements:
                page.cell(piece.tokens, self.in_engine(piece))
            page.text("\n}\n")
        statements.clear()

    def undefine(self, page, piece):
        """A macro may be defined again."""
        for token in piece.tokens:
            match = re.match(r"#\s*define\s+(\w+)", token.text) if token.kind == "directive" else None
            if match and len(piece.tokens) == 1:
                page.text(f"\n#undef {match.group(1)}\n")

    def note(self, diagnostic, page):
        severity = "error" if diagnostic.severity >= cindex.Diagnostic.Error else "warning"
        line, column = file_location(diagnostic.location)
        where = page.origin(line, column) if location_in_cell(diagnostic.location) else (0, 0)
        message = as_in_cell(diagnostic.spelling)
        if diagnostic.spelling == NOT_CONSTANT and where[0] > 0:
            self.not_constant.add(where)
            return
        if where[0] == 0 and diagnostic.location.file is not None and not location_in_cell(diagnostic.location):
            message = f"{diagnostic.location.file.name}:{diagnostic.location.line}: {message}"
        if severity == "error" or where[0] > 0:
            self.cell.problems.append(Problem(severity, message, *where))

    # --------------------------------------------------------------------------------------------------------
    # Deciding: what is new, and what is what it was with another value

    def decide(self):
        self.again = set()                              # names that exist already with this type
        for piece in self.pieces:
            if piece.kind == VARIABLES:
                for declared in piece.declarators:
                    self.decide_on(declared.name.text, "variable")
            elif piece.kind == FUNCTION:
                self.decide_on(piece.name.text, "function")

    def decide_on(self, name, kind):
        cursor = self.cursors.get(self.own(name))
        if cursor is None:
            return
        spelling = cursor.type.get_canonical().spelling
        known = self.session.entities.get(name)
        if known is not None and known.kind == kind and known.type == spelling and not is_constant(cursor):
            self.again.add(name)
            entity = known
        elif kind == "function":
            entity = Entity(kind, f"{name}__now{self.cell.number}", spelling)
        else:
            entity = Entity(kind, self.own(name), spelling)
        self.cell.entities[name] = entity
        self.names[name] = entity.engine_name

    # --------------------------------------------------------------------------------------------------------
    # Writing for the engine

    def write(self):
        self.page = Page(self.source, self.label)
        self.part = Page(self.source, self.label)   # the function that the statements are gathered in
        self.part_used = False
        self.parts = []
        self.announced = set()                          # functions whose pointer is there already
        self.summary = Page(self.source, self.label)
        self.page.text(self.macros_again())
        functions = {piece.name.text: piece for piece in self.pieces if piece.kind == FUNCTION}
        for piece in self.pieces:
            if piece.kind == STATEMENT:
                self.write_statement(piece)
            elif piece.kind == VARIABLES:
                for declared in piece.declarators:
                    self.write_variable(piece, declared)
            else:
                self.close_part()
                if piece.kind == FUNCTION:
                    self.write_function(piece)
                elif piece.kind == PROTOTYPE and all(declared.name.text in functions for declared in piece.declarators):
                    for declared in piece.declarators:
                        self.announce(functions[declared.name.text])
                else:
                    self.write_as_it_is(piece)
        self.close_part()
        parts = "0" if not self.parts else "(void (*const[])(void)){" + ", ".join(self.parts) + "}"
        self.page.text(f"\ncell_run({parts}, {len(self.parts)});\n")
        self.cell.source = str(self.page)
        self.cell.summary = str(self.summary)

    def close_part(self):
        if self.part_used:
            name = f"cell_{self.cell.number}_{len(self.parts) + 1}"
            self.page.text(f'\n#define __func__ "cell"\nvoid {name}(void)\n{{')
            self.page.append(self.part)
            self.page.text("\n}\n#undef __func__\n")
            self.parts.append(name)
        self.part = Page(self.source, self.label)
        self.part_used = False

    def write_statement(self, piece):
        self.part_used = True
        shown = piece.tokens[-1].text not in (";", "}")
        before, after = showing(self.cursors.get("cell_shown")) if shown else ("", "")
        self.part.text("\n" + before)
        self.part.cell(piece.tokens, self.in_engine(piece))
        self.part.text(after)

    def write_variable(self, piece, declared):
        """The declaration, with a value that is constant in it, and the statement that gives it any other value."""
        name = declared.name.text
        cursor = self.cursors[self.own(name)]
        names = self.in_engine(piece)
        dynamic = self.is_dynamic(declared)
        constant = is_constant(cursor) and declared.value and not dynamic
        if name not in self.again:
            tokens = without_storage(piece.specifiers)
            if is_constant(cursor) and not constant:    # its value is computed, and put there later
                tokens = [token for token in tokens if token.text != "const"]
            self.declare(declared, tokens, {**names, **size_filled_in(declared, cursor)}, constant, dynamic)
        if dynamic or name in self.again:
            self.give_value(declared, names, dynamic)

    def is_dynamic(self, declared):
        """Has the value to be computed as the cell runs?"""
        if not declared.value:
            return False
        first = self.source.position(declared.value[0].start)
        last = self.source.position(declared.value[-1].end)
        return any(first <= place <= last for place in self.not_constant)

    def declare(self, declared, specifiers, names, constant, dynamic):
        """A variable that is new, in the engine and, of a constant with its value, for the cells after this one. The engine takes
        a declaration without a value for one more definition each time, so there is always a value."""
        for page in (self.page, self.summary):
            page.text("\n" if page is self.page else "\nstatic " if constant else "\nextern ")
            page.cell(specifiers, names)
            page.cell(declared.tokens, names)
            if constant or (page is self.page and declared.value and not dynamic):
                page.text(" =")
                page.cell(declared.value, names)
            elif page is self.page:
                page.text(" = {0}")
            page.text(";\n")

    def give_value(self, declared, names, dynamic):
        """x = value, for arrays, too. A constant value stands outside the function, where what it points to lasts."""
        engine_name = self.names[declared.name.text]
        value = f"{self.own(declared.name.text)}_value"
        self.part_used = True
        if not declared.value:
            self.part.text(f"\n__builtin_memset((void *)&{engine_name}, 0, sizeof {engine_name});")
            return
        page = self.part if dynamic else self.page
        page.text(f"\n__typeof__({engine_name}) {value} =")
        page.cell(declared.value, names)
        page.text(";")
        self.part.text(f"\n__builtin_memcpy((void *)&{engine_name}, &{value}, sizeof {engine_name});")

    def function_tokens(self, piece):
        """A function's tokens, and their texts in the engine: its own name is this cell's."""
        names = self.in_engine(piece)
        names[piece.name.start] = self.own(piece.name.text)
        body = function_body(piece.tokens, 0, self.types)
        return without_storage(piece.tokens[:body]) + piece.tokens[body:], names

    def announce(self, piece):
        """The prototype of a function, and the pointer that it is called through."""
        name = piece.name.text
        if name in self.announced:
            return
        self.announced.add(name)
        own = self.own(name)
        pointer = self.names[name]
        tokens, names = self.function_tokens(piece)
        prototype = Page(self.source, self.label)
        prototype.cell(tokens[:function_body(tokens, 0, self.types)], names)
        prototype.text(";\n")
        self.page.append(prototype)
        if name in self.again:
            self.part_used = True
            self.part.text(f"\n{pointer} = {own};")
            return
        self.page.text(f"__typeof__({own}) *{pointer} = {own};\n")
        self.summary.append(prototype)
        self.summary.text(f"extern __typeof__({own}) *{pointer};\n")

    def write_function(self, piece):
        self.announce(piece)
        self.page.text(f'\n#define __func__ "{piece.name.text}"\n')
        self.page.cell(*self.function_tokens(piece))
        self.page.text("\n#undef __func__\n")

    def write_as_it_is(self, piece):
        """Types, prototypes and directives. #define is remembered by itself, to be written again for each cell."""
        names = self.in_engine(piece)
        self.undefine(self.page, piece)
        self.page.cell(piece.tokens, names)
        macro = re.match(r"#\s*define\s+(\w+)", piece.tokens[0].text)
        if macro and len(piece.tokens) == 1:
            self.cell.macros[macro.group(1)] = piece.tokens[0].text
        else:
            self.summary.cell(piece.tokens, names)
