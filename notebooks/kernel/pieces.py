"""The C of a cell as tokens, and as the pieces that stand side by side at its top level.

A cell is ordinary C, except that statements may stand where a program has only declarations:

    #include "gpt/gptape.h"                        DIRECTIVE
    typedef struct Pair { int a, b; } Pair;     TYPE
    int twice(int x) { return 2 * x; }          FUNCTION
    Tensor *x = tensor_zeros(SHAPE(2, 3));      VARIABLES
    tensor_print(x);                            STATEMENT
    x                                           STATEMENT without a semicolon: its value is shown

Nothing here knows what a name means, only which names are types: that tells  a * b;  from a declaration.
"""

import re
from dataclasses import dataclass, field

DIRECTIVE, TYPE, FUNCTION, PROTOTYPE, VARIABLES, STATEMENT = "directive type function prototype variables statement".split()

STORAGE = {"static", "extern", "inline", "register", "auto", "_Noreturn", "_Thread_local", "__inline", "__inline__", "__extension__"}
QUALIFIERS = {"const", "volatile", "restrict", "_Atomic"}
TYPE_WORDS = {"void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "_Bool", "bool", "_Complex"}
TYPE_OF = {"typeof", "__typeof__", "__typeof", "__attribute__", "_Alignas"}
TAGGED = {"struct", "union", "enum"}
CONTROL = {"if", "else", "for", "while", "do", "switch", "return", "goto", "break", "continue", "case", "default"}
OPENING = {"(": ")", "[": "]", "{": "}"}

TOKEN = re.compile(r"""
    (?P<space>     \s+ | \\\n                                       )
  | (?P<comment>   //[^\n]* | /\*.*?\*/                             )
  | (?P<directive> (?<![^\n]) \# (?: \\\n | [^\n] )*                )
  | (?P<text>      (?:u8|[uUL])? (?: "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
  | (?P<number>    \.?[0-9] (?: [eEpP][+-] | [\w.] )*               )
  | (?P<name>      [^\W\d]\w*                                       )
  | (?P<mark>      -> | \.\.\. | (?:<<|>>)=? | [-+*/%&|^!=<>]= | .  )
""", re.VERBOSE | re.DOTALL)


@dataclass
class Token:
    kind: str           # directive, text, number, name or mark
    text: str
    start: int          # where it stands in the cell
    end: int


@dataclass
class Declarator:
    """One of the variables of  T *x = 0, y[2] = {1, 2};"""
    name: Token
    tokens: list        # *x
    value: list         # what stands behind =, or nothing


@dataclass
class Piece:
    kind: str
    tokens: list
    name: Token = None                                  # of a function
    specifiers: list = field(default_factory=list)      # of variables: T
    declarators: list = field(default_factory=list)


def tokenize(text):
    """The tokens of a text without spaces and comments."""
    tokens = []
    at = 0
    while at < len(text):
        # A directive begins a line, though spaces may stand before it.
        match = TOKEN.match(text, at)
        if text[at] == "#" and text[text.rfind("\n", 0, at) + 1:at].strip() == "":
            match = re.compile(r"#(?:\\\n|[^\n])*").match(text, at)
            tokens.append(Token("directive", match.group(), at, match.end()))
        elif match.lastgroup not in ("space", "comment"):
            tokens.append(Token(match.lastgroup, match.group(), at, match.end()))
        at = match.end()
    return tokens


def closing(tokens, at):
    """The place of the bracket that closes the one at this place, or of the last token."""
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].kind == "mark" and tokens[i].text in OPENING:
            depth += 1
        elif tokens[i].kind == "mark" and tokens[i].text in OPENING.values():
            depth -= 1
            if depth == 0:
                return i
    return len(tokens) - 1


def text_at(tokens, i):
    return tokens[i].text if 0 <= i < len(tokens) else ""


def specifiers_end(tokens, start, types):
    """The place behind  static const struct Pair ; start itself if there is no type there."""
    i = start
    found = False
    while i < len(tokens):
        word = tokens[i].text
        if word in STORAGE or word in QUALIFIERS:
            i += 1
        elif word in TYPE_OF and text_at(tokens, i + 1) == "(":
            found = found or word.strip("_") == "typeof"
            i = closing(tokens, i + 1) + 1
        elif word in TAGGED:
            found = True
            i += 1
            if i < len(tokens) and tokens[i].kind == "name":
                i += 1
            if text_at(tokens, i) == "{":
                i = closing(tokens, i) + 1
        elif word in TYPE_WORDS or (not found and tokens[i].kind == "name" and word in types):
            found = True
            i += 1
        else:
            break
    return i if found else start


def split_at_commas(tokens):
    """The stretches between commas that stand in no bracket."""
    parts = [[]]
    i = 0
    while i < len(tokens):
        if tokens[i].text in OPENING and tokens[i].kind == "mark":
            end = closing(tokens, i)
            parts[-1] += tokens[i:end + 1]
            i = end
        elif tokens[i].text == "," and tokens[i].kind == "mark":
            parts.append([])
        else:
            parts[-1].append(tokens[i])
        i += 1
    return parts


def declarator(tokens):
    """*x[2] = {1, 2}; None if no name is declared."""
    equals = next((i for i, token in enumerate(tokens) if token.text == "=" and token.kind == "mark"), len(tokens))
    name = next((t for t in tokens[:equals] if t.kind == "name" and t.text not in QUALIFIERS | TYPE_OF), None)
    return None if name is None else Declarator(name, tokens[:equals], tokens[equals + 1:])


def is_prototype(declared):
    """Is it  f(int)  or  *f(int) ? A pointer to a function, (*f)(int), is a variable."""
    i = declared.tokens.index(declared.name)
    return text_at(declared.tokens, i + 1) == "(" and not declared.value


def typedef_name(tokens):
    """The name that a typedef, without its semicolon, declares."""
    for i, token in enumerate(tokens):
        if token.text == "(" and text_at(tokens, i + 1) == "*":
            return tokens[i + 2]
    names = []
    depth = 0
    for token in tokens:
        depth += (token.text in OPENING) - (token.text in OPENING.values())
        if depth == 0 and token.kind == "name":
            names.append(token)
    return names[-1] if names else None


def statement_end(tokens, i):
    """The place behind the statement that begins at i."""
    word = text_at(tokens, i)
    if word == "{":
        return closing(tokens, i) + 1
    if word in ("if", "for", "while", "switch"):
        end = statement_end(tokens, closing(tokens, i + 1) + 1)
        return statement_end(tokens, end + 1) if word == "if" and text_at(tokens, end) == "else" else end
    if word == "do":
        i = statement_end(tokens, i + 1)
    while i < len(tokens) and tokens[i].text != ";":
        i = (closing(tokens, i) if tokens[i].text in OPENING and tokens[i].kind == "mark" else i) + 1
    return min(i + 1, len(tokens))


def directive_end(tokens, i):
    """The place behind a directive; #if reaches to its #endif."""
    depth = 0
    while i < len(tokens):
        if tokens[i].kind == "directive":
            word = tokens[i].text[1:].split(None, 1)[0] if tokens[i].text[1:].split() else ""
            depth += word.startswith("if")
            depth -= word == "endif"
        i += 1
        if depth <= 0:
            break
    return i


def function_body(tokens, i, types):
    """The place of the { of a function definition that begins at i, or None."""
    end = specifiers_end(tokens, i, types)
    if end == i:
        return None
    while text_at(tokens, end) == "*":
        end += 1
    if end >= len(tokens) or tokens[end].kind != "name" or text_at(tokens, end + 1) != "(":
        return None
    body = closing(tokens, end + 1) + 1
    return body if text_at(tokens, body) == "{" else None


def declaration(tokens, types):
    """The piece that a declaration is; tokens with its semicolon."""
    if tokens[-1].text != ";":
        return Piece(STATEMENT, tokens)                 # the compiler says that it is missing
    if tokens[0].text == "typedef":
        name = typedef_name(tokens[1:-1])
        if name is not None:
            types.add(name.text)
        return Piece(TYPE, tokens)
    end = specifiers_end(tokens, 0, types)
    if end >= len(tokens) - 1:
        return Piece(TYPE, tokens)
    declarators = [declarator(part) for part in split_at_commas(tokens[end:-1])]
    if None in declarators:
        return Piece(STATEMENT, tokens)                 # let the compiler say what is wrong
    kind = PROTOTYPE if all(is_prototype(d) for d in declarators) or tokens[0].text == "extern" else VARIABLES
    return Piece(kind, tokens, None, tokens[:end], declarators)


def split(tokens, known_types):
    """The pieces of a cell, in order. known_types are the names that are types before it."""
    types = set(known_types)
    pieces = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        body = function_body(tokens, i, types)
        if token.kind == "directive":
            end = directive_end(tokens, i)
            pieces.append(Piece(DIRECTIVE, tokens[i:end]))
        elif token.text == "_Static_assert":
            end = statement_end(tokens, i)
            pieces.append(Piece(DIRECTIVE, tokens[i:end]))
        elif body is not None:
            end = closing(tokens, body) + 1
            name = next(t for k, t in enumerate(tokens[i:end]) if t.kind == "name" and tokens[i + k + 1].text == "("
                        and t.text not in TYPE_OF)
            pieces.append(Piece(FUNCTION, tokens[i:end], name))
        elif token.text == "typedef" or specifiers_end(tokens, i, types) > i:
            end = statement_end(tokens, i)
            pieces += with_type_apart(declaration(tokens[i:end], types))
        else:
            end = statement_end(tokens, i)
            pieces.append(Piece(STATEMENT, tokens[i:end]))
        i = end
    return pieces


def with_type_apart(piece):
    """struct Pair { ... } p;  as the type and the variable."""
    words = [token.text for token in piece.specifiers]
    if piece.kind != VARIABLES or "{" not in words or words[words.index("{") - 1] in TAGGED:
        return [piece]
    opening = words.index("{")
    end = closing(piece.specifiers, opening) + 1
    tag = next(i for i, word in enumerate(words) if word in TAGGED)
    semicolon = Token("mark", ";", piece.specifiers[end - 1].end, piece.specifiers[end - 1].end)
    without = piece.specifiers[:opening] + piece.specifiers[end:]
    return [Piece(TYPE, piece.specifiers[tag:end] + [semicolon]),
            Piece(VARIABLES, without + piece.tokens[len(piece.specifiers):], None, without, piece.declarators)]


WHOLE, ANNOUNCED, CONSTANT = "whole announced constant".split()


def defined_types(tokens):
    """The names that a type's piece defines: {name: WHOLE, ANNOUNCED as by  struct Pair;  or an enumerator's CONSTANT}."""
    names = {}
    if tokens[0].text == "typedef":
        name = typedef_name(tokens[1:-1])
        if name is not None:
            names[name.text] = WHOLE
    for i, token in enumerate(tokens):
        if token.text in TAGGED and text_at(tokens, i + 2) == "{" and tokens[i + 1].kind == "name":
            names[tokens[i + 1].text] = WHOLE
        if token.text == "enum":
            names.update(dict.fromkeys(enumerators(tokens, i), CONSTANT))
    if len(tokens) == 3 and tokens[0].text in TAGGED:
        names[tokens[1].text] = ANNOUNCED               # struct Pair;
    if tokens[0].text == "typedef" and tokens[1].text in TAGGED and tokens[2].kind == "name" and text_at(tokens, 3) != "{":
        names.setdefault(tokens[2].text, ANNOUNCED)     # typedef struct Pair Pair;
        if text_at(tokens, 3) == tokens[2].text:
            names[tokens[2].text] = ANNOUNCED
    return names


def enumerators(tokens, i):
    """The names in the braces of the enum at i."""
    opening = i + 1 if text_at(tokens, i + 1) == "{" else i + 2
    if text_at(tokens, opening) != "{":
        return []
    return [part[0].text for part in split_at_commas(tokens[opening + 1:closing(tokens, opening)]) if part]
