"""The C of a cell as tokens, and as the pieces at its top level.

A cell is ordinary C, except that statements may stand where a program has only declarations:

    #include "gpt/gptape.h"                     DIRECTIVE
    typedef struct Pair { int a, b; } Pair;     TYPE
    int twice(int x) { return 2 * x; }          FUNCTION
    Tensor *x = tensor_zeros(SHAPE(2, 3));      VARIABLES
    tensor_print(x);                            STATEMENT
    x                                           EXPRESSION, without a semicolon at the end: its value is shown

All that is known of a name here is whether it is a type: that distinguishes  a * b;  from a declaration.
"""

import re
from dataclasses import dataclass, field

DIRECTIVE, TYPE, FUNCTION, PROTOTYPE, VARIABLES, STATEMENT, EXPRESSION = (
    "directive type function prototype variables statement expression".split())

STORAGE = {"static", "extern", "inline", "register", "auto", "_Noreturn", "_Thread_local", "__inline", "__inline__", "__extension__"}
QUALIFIERS = {"const", "volatile", "restrict", "_Atomic"}
TYPE_WORDS = {"void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "_Bool", "bool", "_Complex",
              "__int128"}
TYPE_OF = {"typeof", "__typeof__", "__typeof", "__attribute__", "_Alignas"}
TAGGED = {"struct", "union", "enum"}
CONTROL = {"if", "else", "for", "while", "do", "switch", "return", "goto", "break", "continue", "case", "default"}
KEYWORDS = STORAGE | QUALIFIERS | TYPE_WORDS | TYPE_OF | TAGGED | CONTROL | {"typedef", "sizeof"}
OPENING = {"(": ")", "[": "]", "{": "}"}
CLOSING = {closing: opening for opening, closing in OPENING.items()}
DEFINE = re.compile(r"#\s*(?:define|undef)\s+(\w+)")

TOKEN = re.compile(r"""
    (?P<space>     [\s\ufeff\u200b]+ | \\\n                         )
  | (?P<comment>   //[^\n]* | /\*.*?\*/                             )
  | (?P<text>      (?:u8|[uUL])? (?: "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
  | (?P<number>    \.?[0-9] (?: [eEpP][+-] | [\w.] )*               )
  | (?P<name>      [^\W\d]\w*                                       )
  | (?P<mark>      -> | \.\.\. | (?:<<|>>)=? | [-+*/%&|^!=<>]= | .  )
""", re.VERBOSE | re.DOTALL)
DIRECTIVE_TEXT = re.compile(r"#(?:\\\n|[^\n])*")


@dataclass
class Token:
    kind: str           # directive, text, number, name, keyword or mark
    text: str
    start: int          # its place in the cell
    end: int


@dataclass
class Declarator:
    """One of the variables of  T *x = 0, y[2] = {1, 2};"""
    name: Token
    tokens: list        # *x
    value: list         # what follows =, or nothing


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
        match = TOKEN.match(text, at)
        kind = match.lastgroup
        if text[at] == "#" and text[text.rfind("\n", 0, at) + 1:at].strip() == "":     # a directive; spaces may precede it
            match, kind = DIRECTIVE_TEXT.match(text, at), "directive"
        if match.group() in KEYWORDS:
            kind = "keyword"
        if kind not in ("space", "comment"):
            tokens.append(Token(kind, match.group(), at, match.end()))
        at = match.end()
    return tokens


def text_at(tokens, i):
    return tokens[i].text if 0 <= i < len(tokens) else ""


def is_opening(token):
    return token.kind == "mark" and token.text in OPENING


def closing(tokens, at):
    """The index of the bracket that closes the one at this index, or of the last token."""
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].kind == "mark":
            depth += (tokens[i].text in OPENING) - (tokens[i].text in CLOSING)
            if depth == 0:
                return i
    return len(tokens) - 1


def find(tokens, i, text):
    """The index of the next token with this text outside of brackets, or the number of tokens."""
    while i < len(tokens) and tokens[i].text != text:
        i = (closing(tokens, i) if is_opening(tokens[i]) else i) + 1
    return i


def split_at_commas(tokens):
    """The stretches between the commas outside of brackets."""
    parts = []
    start = 0
    while start <= len(tokens):
        end = find(tokens, start, ",")
        parts.append(tokens[start:end])
        start = end + 1
    return parts


# ------------------------------------------------------------------------------------------------------------
# Declarations

def specifiers_end(tokens, start, types):
    """The index after  static const struct Pair ; start itself if there is no type there."""
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
            i += 2 if i + 1 < len(tokens) and tokens[i + 1].kind == "name" else 1
            if text_at(tokens, i) == "{":
                i = closing(tokens, i) + 1
        elif word in TYPE_WORDS or (not found and tokens[i].kind == "name" and word in types):
            found = True
            i += 1
        else:
            break
    return i if found else start


def declarator(tokens):
    """*x[2] = {1, 2}; None if no name is declared."""
    equals = next((i for i, token in enumerate(tokens) if token.text == "=" and token.kind == "mark"), len(tokens))
    name = next((token for token in tokens[:equals] if token.kind == "name"), None)
    return None if name is None else Declarator(name, tokens[:equals], tokens[equals + 1:])


def is_prototype(declared):
    """Is it  f(int)  or  *f(int) ? A pointer to a function, (*f)(int), is a variable."""
    i = declared.tokens.index(declared.name)
    return text_at(declared.tokens, i + 1) == "(" and not declared.value


def typedef_names(tokens):
    """The names that a typedef, without its semicolon, declares: of  typedef struct Pair { ... } Pair, *Pointer, (*Function)(int)  three."""
    result = []
    for part in split_at_commas(tokens):
        i = 0
        name = None
        while i < len(part) and not (part[i].text == "(" and text_at(part, i + 1) in ("*", "(")):
            name = part[i].text if part[i].kind == "name" else name
            i = (closing(part, i) if is_opening(part[i]) else i) + 1
        result.append(next((token.text for token in part[i:] if token.kind == "name"), name))
    return [name for name in result if name is not None]


def function_body(tokens, i, types):
    """The indices of the name and of the { of a function definition that begins at i, or None."""
    end = specifiers_end(tokens, i, types)
    if end == i:
        return None
    while text_at(tokens, end) == "*":
        end += 1
    if end >= len(tokens) or tokens[end].kind != "name" or text_at(tokens, end + 1) != "(":
        return None
    body = closing(tokens, end + 1) + 1
    return (end, body) if text_at(tokens, body) == "{" else None


def statement_end(tokens, i):
    """The index after the statement that begins at i."""
    word = text_at(tokens, i)
    if word == "{":
        return closing(tokens, i) + 1
    if word in ("if", "for", "while", "switch"):
        end = statement_end(tokens, closing(tokens, i + 1) + 1)
        return statement_end(tokens, end + 1) if word == "if" and text_at(tokens, end) == "else" else end
    if word == "do":
        i = statement_end(tokens, i + 1)
    return min(find(tokens, i, ";") + 1, len(tokens))


def directive_end(tokens, i):
    """The index after a directive; #if reaches to its #endif."""
    depth = 0
    while i < len(tokens):
        word = (tokens[i].text[1:].split() or [""])[0] if tokens[i].kind == "directive" else ""
        depth += word.startswith("if") - (word == "endif")
        i += 1
        if depth <= 0:
            break
    return i


# ------------------------------------------------------------------------------------------------------------
# The pieces of a cell

def split(tokens, known_types):
    """The pieces of a cell, in order. known_types are the names that are types before it."""
    types = set(known_types)
    pieces = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        function = function_body(tokens, i, types)
        end = statement_end(tokens, i)
        if token.kind == "directive":
            end = directive_end(tokens, i)
            pieces.append(Piece(DIRECTIVE, tokens[i:end]))
        elif token.text == "_Static_assert":
            pieces.append(Piece(DIRECTIVE, tokens[i:end]))
        elif function is not None:
            name, body = function
            end = closing(tokens, body) + 1
            pieces.append(Piece(FUNCTION, tokens[i:end], tokens[name]))
        elif token.text == "typedef" or specifiers_end(tokens, i, types) > i:
            pieces += declaration(tokens[i:end], types)
        elif tokens[end - 1].text == ";" or token.text in CONTROL or token.text == "{":
            pieces.append(Piece(STATEMENT, tokens[i:end]))
        else:
            pieces.append(Piece(EXPRESSION, tokens[i:end]))
        i = end
    return pieces


def declaration(tokens, types):
    """The pieces of a declaration; tokens with its semicolon."""
    wrong = [Piece(STATEMENT, tokens)]                  # the compiler says why
    if tokens[-1].text != ";":
        return wrong
    if tokens[0].text == "typedef":
        types.update(typedef_names(tokens[1:-1]))
        return [Piece(TYPE, tokens)]
    end = specifiers_end(tokens, 0, types)
    if end >= len(tokens) - 1:
        return [Piece(TYPE, tokens)]
    declarators = [declarator(part) for part in split_at_commas(tokens[end:-1])]
    if None in declarators:
        return wrong
    kind = PROTOTYPE if all(map(is_prototype, declarators)) or tokens[0].text == "extern" else VARIABLES
    return with_type_apart(Piece(kind, tokens, None, tokens[:end], declarators))


def with_type_apart(piece):
    """struct Pair { ... } p;  as the type and the variable."""
    words = [token.text for token in piece.specifiers]
    if piece.kind != VARIABLES or "{" not in words or words[words.index("{") - 1] in TAGGED:
        return [piece]
    opening = words.index("{")
    end = closing(piece.specifiers, opening) + 1
    if not set(words[end:]) <= QUALIFIERS:              # struct Pair { ... } int x;
        return [Piece(STATEMENT, piece.tokens)]
    tag = next(i for i, word in enumerate(words) if word in TAGGED)
    semicolon = Token("mark", ";", piece.specifiers[end - 1].end, piece.specifiers[end - 1].end)
    without = piece.specifiers[:opening] + piece.specifiers[end:]
    return [Piece(TYPE, piece.specifiers[tag:end] + [semicolon]),
            Piece(VARIABLES, without + piece.tokens[len(piece.specifiers):], None, without, piece.declarators)]


COMPLETE, INCOMPLETE, CONSTANT = "complete incomplete constant".split()


def defined_types(tokens):
    """The names that a type's piece defines: {name: COMPLETE, INCOMPLETE as by  struct Pair;  or, of an enumerator, CONSTANT}."""
    names = {}
    if tokens[0].text == "typedef":
        names.update(dict.fromkeys(typedef_names(tokens[1:-1]), COMPLETE))
    for i, token in enumerate(tokens):
        if token.text in TAGGED and text_at(tokens, i + 2) == "{" and tokens[i + 1].kind == "name":
            names[tokens[i + 1].text] = COMPLETE
        if token.text == "enum":
            names.update(dict.fromkeys(enumerators(tokens, i), CONSTANT))
    if len(tokens) == 3 and tokens[0].text in TAGGED:
        names[tokens[1].text] = INCOMPLETE              # struct Pair;
    if tokens[0].text == "typedef" and text_at(tokens, 1) in TAGGED and tokens[2].kind == "name" and text_at(tokens, 3) != "{":
        same = text_at(tokens, 3) == tokens[2].text     # typedef struct Pair Pair;
        names[tokens[2].text] = INCOMPLETE if same else names.get(tokens[2].text, INCOMPLETE)
    return names


def enumerators(tokens, i):
    """The names in the braces of the enum at i."""
    opening = i + 1 if text_at(tokens, i + 1) == "{" else i + 2
    if text_at(tokens, opening) != "{":
        return []
    return [part[0].text for part in split_at_commas(tokens[opening + 1:closing(tokens, opening)]) if part]


def without_storage(tokens):
    return [token for token in tokens if token.text not in STORAGE]


def defined_macro(piece):
    """The name that a piece consisting of one #define or #undef is about, or None."""
    match = DEFINE.match(piece.tokens[0].text) if piece.kind == DIRECTIVE and len(piece.tokens) == 1 else None
    return match and match.group(1)
