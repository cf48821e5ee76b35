"""A cell as the C that the engine is given for it.

    cell                         engine
    float y = sqrtf(2);          float y__7 = {0};
                                 void cell_7_1(void) {
                                 float y__7_value = sqrtf(2); memcpy(&y__7, &y__7_value, sizeof y__7);
    half(y)                      { __auto_type cell_value = half__now5(y__7); ...show it... }
                                 }
                                 cell_run((void (*const[])(void)){cell_7_1}, 1);

Statements become functions, so that they run in order with the values of the declarations, and can be ended early. A function is
called through a pointer: if it is defined again with the same type, calls from older cells reach the new one, too. A variable that
is declared again with the same type is the same variable with a new value. Anything else of the same name is a new thing, and code
compiled before uses the old one.

libclang reads a cell first, after a summary of the cells before it: its messages go to the user, and the engine is given only what
compiles, because an error leaves it with half of a cell.
"""

from clang.cindex import TypeKind

from brackets import unclosed, unended_type
from cells import Cell, Entity, Problem
from compiler import SHOWN, is_constant, problems
from names import as_in_cell, renamed
from page import Page, Source
from pieces import (CONSTANT, DEFINE, DIRECTIVE, EXPRESSION, FUNCTION, INCOMPLETE, PROTOTYPE, STATEMENT, TYPE, VARIABLES, defined_macro, defined_types,
                    function_body, split, text_at, tokenize, without_storage)
from values import showing

PROBLEMS_SHOWN = 10


class Translation:
    """One cell on its way into the engine."""

    def __init__(self, session, text, number, label, guess=True):
        self.session = session
        self.guess = guess
        self.source = Source(text)
        self.label = label
        self.cell = Cell(number)
        self.tokens = tokenize(text)
        self.pieces = split(self.tokens, session.known_types())
        self.types = session.known_types() | {name for piece in self.pieces if piece.kind == TYPE
                                              for name, how in defined_types(piece.tokens).items() if how != CONSTANT}
        self.names = session.names()
        self.plus = ""                                  # before the last expression
        self.drop_what_is_known()
        self.name_definitions()
        self.check()
        if not self.cell.errors:
            self.decide()
            self.write()

    # --------------------------------------------------------------------------------------------------------
    # Names

    def own(self, name):
        return f"{name}__{self.cell.number}"

    def new_page(self):
        return Page(self.source, self.label)

    def type_text(self, piece):
        return " ".join(self.names.get(token.text, token.text) for token in piece.tokens)

    def drop_what_is_known(self):
        """Drops types that are defined again as they were, and prototypes of what earlier cells defined and this one does not."""
        self.here = {piece.name.text for piece in self.pieces if piece.kind == FUNCTION}
        self.pieces = [piece for piece in self.pieces if not self.is_known(piece)]

    def is_known(self, piece):
        if piece.kind == PROTOTYPE:
            return all(declared.name.text in self.session.entities.keys() - self.here for declared in piece.declarators)
        defined = [name for name, how in defined_types(piece.tokens).items() if how != INCOMPLETE] if piece.kind == TYPE else []
        known = [self.session.entities.get(name) for name in defined]
        return bool(known) and None not in known and all(entity.type == self.type_text(piece) for entity in known)

    def name_definitions(self):
        """Gives everything that the cell defines its name in the engine."""
        for piece in self.pieces:
            if piece.kind == TYPE:
                for name, how in defined_types(piece.tokens).items():
                    self.name_type(name, how)
            elif piece.kind == FUNCTION:
                self.names[piece.name.text] = self.own(piece.name.text)
            elif piece.kind == VARIABLES:
                self.names.update((declared.name.text, self.own(declared.name.text)) for declared in piece.declarators)
        for piece in self.pieces:
            if piece.kind == TYPE:
                for name in defined_types(piece.tokens):
                    self.cell.entities[name].type = self.type_text(piece)

    def name_type(self, name, how):
        here = self.cell.entities.get(name)
        known = here or self.session.entities.get(name)
        completes = known is not None and known.kind == "type" and not known.complete
        engine_name = known.engine_name if completes else self.own(name)
        complete = how != INCOMPLETE or (here is not None and here.complete)
        self.names[name] = engine_name
        self.cell.entities[name] = Entity("constant" if how == CONSTANT else "type", engine_name, complete=complete)

    def in_engine(self, piece):
        """{place: text} of the piece's tokens that have another text in the engine."""
        if piece.kind == TYPE:
            types = {name: entity.engine_name for name, entity in {**self.session.entities, **self.cell.entities}.items()
                     if entity.kind in ("type", "constant")}
            return renamed(piece.tokens, types, set(), set())   # without types no member is taken for a local
        if piece.kind == DIRECTIVE:
            return {token.start: self.directive(token.text) for token in piece.tokens if token.kind == "directive"}
        texts = renamed(piece.tokens, self.names, self.session.file_names, self.types)
        if piece.kind == FUNCTION and piece.name.text == "main" and "int" in (token.text for token in piece.tokens[:2]):
            texts[piece.tokens[-1].start] = "return 0; }"       # as C adds it to main
        return texts

    def directive(self, text):
        """A macro's text with the names of the engine."""
        if not DEFINE.match(text):
            return text
        tokens = tokenize(" " + text[1:])[2:]
        names = renamed(tokens, self.names, set(), set())
        for token in reversed(tokens):
            if token.start in names:
                text = text[:token.start] + names[token.start] + text[token.end:]
        return text

    def macros_again(self):
        """The macros of earlier cells, with the names of this one."""
        return "".join(f"\n#undef {name}\n{self.directive(text)}\n" for name, text in self.session.macros.items())

    # --------------------------------------------------------------------------------------------------------
    # Checking: libclang says what is wrong, and of which type everything is

    def check(self):
        found, self.not_constant = self.read(typed=True)
        wrong = [problem for problem in found if problem.severity == "error"]
        if wrong and wrong[0].message.endswith("bit-field"):
            self.plus = "+"                             # its value has a type
            found, self.not_constant = self.read(typed=True)
            wrong = [problem for problem in found if problem.severity == "error"]
        missing = unclosed(self.source.text, self.tokens) or unended_type(self.pieces) or self.unended_line(wrong[0]) if wrong else self.unknown_contents()
        if missing is not None:
            found = [Problem("error", missing[0], *self.source.position(missing[1]))]
        elif wrong and any(piece.kind == EXPRESSION for piece in self.pieces):
            again, _ = self.read(typed=False)
            found = [problem for problem in again if problem.severity == "error"] or found
        self.cell.problems = found[:PROBLEMS_SHOWN]

    def unended_line(self, wrong):
        """(message, place) if a semicolon at the end of the line before an error, or of the error's own line, mends it: C continues a
        statement with a next line that begins with  *  or  ( ."""
        if not self.guess or wrong.line == 0 or wrong.message.startswith("missing"):
            return None
        starts = [*self.source.starts, len(self.source.text)]
        for end in starts[wrong.line - 1:wrong.line + 1]:
            last = next((token for token in reversed(self.tokens) if token.end <= end), None)
            if last is None or last.text in (";", "{", "}"):
                continue
            text = f"{self.source.text[:last.end]};{self.source.text[last.end:]}"
            left = Translation(self.session, text, self.cell.number, self.label, guess=False).cell.errors
            if not left or (left[0].line, left[0].column) > (wrong.line, wrong.column):
                return "missing ';' at the end of this line", last.end
        return None

    def unknown_contents(self):
        """(message, place) if the last expression is a struct that was only declared."""
        shown = self.cursors.get(SHOWN)
        value = shown.type.get_pointee().get_canonical() if shown is not None else None
        unknown = value is not None and value.kind == TypeKind.RECORD and value.get_size() < 0
        return (f"the members of '{as_in_cell(value.spelling)}' are unknown", self.pieces[-1].tokens[0].start) if unknown else None

    def read(self, typed):
        """Has the cell read as a file, its statements in functions. The last expression is written as the declaration of
        something of its type or, if it is not to be typed, as a statement: only so is a missing semicolon reported as one."""
        shown_in = None
        page = self.new_page()
        page.text(self.session.before() + self.macros_again())
        inside = False
        for piece in self.pieces:
            as_statement = piece.kind in (STATEMENT, EXPRESSION)
            if as_statement != inside:
                function = f"cell_{len(page.lines)}"
                page.text(f"\nvoid {function}(void)\n{{" if as_statement else "\n}\n")
                inside = as_statement
            self.undefine(page, piece)
            if piece.kind == EXPRESSION and typed:
                page.text(f"\n__typeof__({self.plus}(")
                shown_in = function
            page.cell(piece.tokens, self.in_engine(piece))
            page.text({EXPRESSION: f")) *{SHOWN};\n" if typed else ";"}.get(piece.kind, ""))
        page.text("\n}\n" if inside else "")
        unit = self.session.parse(str(page))
        names = {cursor.spelling: cursor for cursor in unit.cursor.get_children()}
        self.cursors = {name: cursor for name, cursor in names.items() if name.endswith(self.own(""))}
        within = names[shown_in].walk_preorder() if shown_in in names else ()
        self.cursors.update((SHOWN, cursor) for cursor in within if cursor.spelling == SHOWN)
        return problems(unit, page, self.session)

    def undefine(self, page, piece):
        """A macro may be defined again."""
        name = defined_macro(piece)
        page.text(f"\n#undef {name}\n" if name else "")

    # --------------------------------------------------------------------------------------------------------
    # Deciding: what is new, and what exists already and only gets another value

    def decide(self):
        self.again = set()                              # names that exist already with this type
        for piece in self.pieces:
            if piece.kind == FUNCTION:
                self.decide_on(piece.name.text, "function")
            for declared in piece.declarators if piece.kind == VARIABLES else ():
                self.decide_on(declared.name.text, "variable")

    def decide_on(self, name, kind):
        cursor = self.cursors.get(self.own(name))
        if cursor is None:
            return
        spelling = cursor.type.get_canonical().spelling
        entity = self.session.entities.get(name)
        if entity is not None and (entity.kind, entity.type) == (kind, spelling) and not is_constant(cursor):
            self.again.add(name)
        else:
            entity = Entity(kind, f"{name}__now{self.cell.number}" if kind == "function" else self.own(name), spelling)
        self.cell.entities[name] = entity
        self.names[name] = entity.engine_name

    # --------------------------------------------------------------------------------------------------------
    # Writing for the engine

    def write(self):
        self.page = self.new_page()
        self.part = self.new_page()                     # the function in which statements are gathered
        self.part_used = False
        self.parts = []
        self.declared = set()                           # functions whose pointer exists
        self.summary = self.new_page()
        self.page.text(self.macros_again())
        functions = {piece.name.text: piece for piece in self.pieces if piece.kind == FUNCTION}
        for piece in self.pieces:
            if piece.kind in (STATEMENT, EXPRESSION):
                self.write_statement(piece)
            elif piece.kind == VARIABLES:
                for declared in piece.declarators:
                    self.write_variable(piece, declared)
            else:
                self.close_part()
                names = [declared.name.text for declared in piece.declarators]
                if piece.kind == FUNCTION:
                    self.write_function(piece)
                elif piece.kind == PROTOTYPE and all(name in functions for name in names):
                    for name in names:
                        self.declare_function(functions[name])
                else:
                    self.write_as_it_is(piece)
        if "main" in functions:
            self.call_main()
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
        self.part = self.new_page()
        self.part_used = False

    def write_statement(self, piece):
        self.part_used = True
        before, after = showing(self.cursors.get(SHOWN)) if piece.kind == EXPRESSION else ("", "")
        self.part.text(f"\n{before} {self.plus}(" if before else "\n")
        self.part.cell(piece.tokens, self.in_engine(piece))
        self.part.text(f"){after}" if before else after)

    def call_main(self):
        """A cell that defines main is a program: it runs."""
        main = self.cursors[self.own("main")]
        arguments = ["1", '(char *[]){"cell", 0}', "environ"][:len(list(main.get_arguments()))]
        call = f"{self.own('main')}({', '.join(arguments)})"
        self.part_used = True
        self.part.text(f"\n{call};" if main.result_type.spelling == "void" else f"\nexit({call});")

    def write_variable(self, piece, declared):
        """The declaration, with a constant value, and the statement that gives it any other value."""
        name = declared.name.text
        cursor = self.cursors[self.own(name)]
        names = self.in_engine(piece)
        dynamic = self.is_dynamic(declared)
        constant = is_constant(cursor) and declared.value and not dynamic
        if name not in self.again:
            tokens = without_storage(piece.specifiers)
            if is_constant(cursor) and not constant:    # its value is computed, and assigned later
                tokens = [token for token in tokens if token.text != "const"]
                names = {**names, **{token.start: "" for token in declared.tokens if token.text == "const"}}
            self.declare(declared, tokens, {**names, **self.size(declared, cursor)}, constant, dynamic)
        if dynamic or name in self.again:
            self.give_value(declared, names, dynamic)

    def is_dynamic(self, declared):
        """Is the value computed when the cell runs? An address of a cell's function is: in the engine it is in a variable."""
        if not declared.value:
            return False
        entities = {**self.session.entities, **self.cell.entities}
        if any(token.text in entities and entities[token.text].kind == "function" for token in declared.value):
            return True
        first = self.source.position(declared.value[0].start)
        last = self.source.position(declared.value[-1].end)
        return any(first <= place <= last for place in self.not_constant)

    def size(self, declared, cursor):
        """float x[] = {1, 2}  is declared as  float x[2] ."""
        n = cursor.type.get_canonical().get_array_size()
        return {token.start: f"[{n}" for i, token in enumerate(declared.tokens)
                if token.text == "[" and text_at(declared.tokens, i + 1) == "]" and n >= 0}

    def declare(self, declared, specifiers, names, constant, dynamic):
        """A new variable, in the engine and for the cells after this one, which also learn a constant's value. The engine takes a
        declaration without a value for another definition each time, so there is always a value."""
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
        """x = value, for arrays, too. A constant value stands outside of the function, so that what it points to lasts."""
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
        _, body = function_body(piece.tokens, 0, self.types)
        return without_storage(piece.tokens[:body]), piece.tokens[body:], names

    def declare_function(self, piece):
        """The prototype of a function, and the pointer through which it is called."""
        name = piece.name.text
        if name in self.declared:
            return
        self.declared.add(name)
        own = self.own(name)
        pointer = self.names[name]
        head, _, names = self.function_tokens(piece)
        prototype = self.new_page()
        prototype.cell(head, names)
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
        self.declare_function(piece)
        head, body, names = self.function_tokens(piece)
        self.page.text(f'\n#define __func__ "{piece.name.text}"\n')
        self.page.cell(head + body, names)
        self.page.text("\n#undef __func__\n")

    def write_as_it_is(self, piece):
        """Types, prototypes and directives. Macros are kept apart, to be written again for each cell."""
        names = self.in_engine(piece)
        self.undefine(self.page, piece)
        self.page.cell(piece.tokens, names)
        macro = defined_macro(piece)
        if macro:
            self.cell.macros[macro] = piece.tokens[0].text
        else:
            self.summary.cell(piece.tokens, names)
