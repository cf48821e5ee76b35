"""C that shows the value of a cell's last expression, whatever its type. The functions that it calls are in show.c."""

import json
import re

from clang.cindex import CursorKind, TypeKind

from names import as_in_cell

SIGNED = (TypeKind.SCHAR, TypeKind.SHORT, TypeKind.INT, TypeKind.LONG, TypeKind.LONGLONG)
UNSIGNED = (TypeKind.UCHAR, TypeKind.USHORT, TypeKind.UINT, TypeKind.ULONG, TypeKind.ULONGLONG)
REAL = (TypeKind.FLOAT, TypeKind.DOUBLE, TypeKind.LONGDOUBLE)
FUNCTION = (TypeKind.FUNCTIONPROTO, TypeKind.FUNCTIONNOPROTO)

# Pointers to these show what they point to; show.c has a function for each.
SHOWN_POINTERS = {"struct Tensor": "cell_show_tensor", "struct Tape": "cell_show_tape", "struct TapeNode": "cell_show_node"}


def showing(declaration):
    """What to write before and after an expression so that its value is shown. The declaration is
    extern __typeof__(EXPRESSION) *name;"""
    expression = next(declaration.get_children(), None) if declaration is not None else None
    if expression is None:
        return "", ";"
    kind = expression.type
    while expression.kind == CursorKind.PAREN_EXPR:
        expression = next(expression.get_children())
    if expression.kind == CursorKind.MEMBER_REF_EXPR and is_values_of_tensor(expression):
        return f"cell_show_{expression.spelling}(cell_tensor_of({expression.spelling}, ", "));"
    value = kind.get_canonical()
    if value.kind == TypeKind.VOID:
        return "", ";"
    if value.kind in FUNCTION:
        return "(void)(", f"); cell_show_begin(); {text(a_function(value))} cell_show_end();"
    if value.kind == TypeKind.POINTER and unqualified(value.get_pointee()) in SHOWN_POINTERS:
        return SHOWN_POINTERS[unqualified(value.get_pointee())] + "(", ");"
    return "{ __auto_type cell_value =", f"; cell_show_begin(); {whole(kind, value)} cell_show_end(); }}"


def is_values_of_tensor(member):
    """Is it  EXPRESSION->data  or  EXPRESSION->grad  of a tensor?"""
    base = next(member.get_children(), None)
    owner = base.type.get_canonical() if base is not None else None
    if owner is not None and owner.kind == TypeKind.POINTER:
        owner = owner.get_pointee().get_canonical()
    return owner is not None and unqualified(owner) == "struct Tensor" and member.spelling in ("data", "grad")


def a_function(value):
    return f"a function, {as_in_cell(value.spelling)}; to call it, add its arguments in parentheses"


def is_string(value):
    return value.kind == TypeKind.POINTER and unqualified(value.get_pointee()) == "char"


def unqualified(kind):
    return kind.get_canonical().spelling.replace("const ", "").replace("volatile ", "")


def whole(kind, value):
    """The expression's value, with the name of its type if it is a struct; a pointer with what it points to."""
    if value.kind == TypeKind.RECORD and value.spelling != "struct Shape":
        return text(re.sub(r" \(unnamed .*\)", "", as_in_cell(kind.spelling)) + " ") + shown(value, "cell_value", "\n")
    if value.kind == TypeKind.POINTER and not is_string(value):
        pointee = value.get_pointee().get_canonical()
        if pointee.kind in FUNCTION:
            return f'{shown(value, "cell_value", "")} if (cell_value != NULL) {{ {text(" -> " + a_function(pointee))} }}'
        file = pointee.get_declaration().location.file
        if pointee.get_size() > 0 and not (file and file.name.startswith("/usr/")):
            content = shown(pointee, "(*cell_value)", "\n")
            return (shown(value, "cell_value", "\n")
                    + f'if (cell_readable(cell_value, sizeof *cell_value)) {{ {text(" -> ")} {content} }}')
    return shown(value, "cell_value", "\n")


def text(words):
    return f'cell_show("%s", {json.dumps(words, ensure_ascii=False)});'


def shown(value, name, line):
    """C statements that show what is called `name`; value is its canonical type, line begins a new line at the present indentation."""
    kind = value.kind
    if kind == TypeKind.BOOL:
        return f'cell_show("%s", {name} ? "true" : "false");'
    if kind in (TypeKind.CHAR_S, TypeKind.CHAR_U):
        return f"cell_show_character({name});"
    if kind in SIGNED:
        return f'cell_show("%lld", (long long){name});'
    if kind in UNSIGNED:
        return f'cell_show("%llu", (unsigned long long){name});'
    if kind in REAL:
        return f'cell_show("%.9Lg", (long double){name});'
    if kind in (TypeKind.INT128, TypeKind.UINT128):
        return f'cell_show("%.20Lg", (long double){name});'     # to 19 digits
    if kind == TypeKind.COMPLEX:
        return f'cell_show("%.9g%+.9gi", (double)__real__ {name}, (double)__imag__ {name});'
    if kind == TypeKind.ENUM:
        return enumeration(value, name)
    if kind == TypeKind.CONSTANTARRAY:
        return array(value, name, line)
    if kind == TypeKind.RECORD:
        return f"cell_show_shape({name});" if unqualified(value) == "struct Shape" else record(value, name, line)
    if is_string(value):
        return f"cell_show_string({name}, (size_t)-1);"
    if kind == TypeKind.POINTER and unqualified(value.get_pointee()) == "struct Tensor":
        return f"cell_show_tensor_line({name});"
    if kind == TypeKind.POINTER:
        return f"cell_show_pointer((const void *){name});"
    return text(f"({value.spelling})")


def enumeration(value, name):
    constants = [child for child in value.get_declaration().get_children() if child.kind == CursorKind.ENUM_CONSTANT_DECL]
    numbers = ", ".join(f"{constant.enum_value}LL" for constant in constants)
    names = ", ".join(json.dumps(constant.spelling, ensure_ascii=False) for constant in constants)
    return (f"cell_show_enum((long long){name}, {len(constants)}, (const long long[]){{{numbers}}}, "
            f"(const char *const[]){{{names}}});")


def array(value, name, line):
    entry = value.element_type.get_canonical()
    n = value.element_count
    if entry.kind in (TypeKind.CHAR_S, TypeKind.CHAR_U):
        return f"cell_show_string({name}, {n});"
    i = f"cell_{len(line)}_{name.count('[')}"
    comma = ",\n" + line.lstrip("\n") + " " if entry.kind == TypeKind.RECORD and unqualified(entry) != "struct Shape" else ", "
    return (f"{text('{')} for (size_t {i} = 0; {i} < {n}; {i} = cell_show_next({i}, {n}, {json.dumps(comma)})) "
            f"{{ {shown(entry, f'{name}[{i}]', '')} }} {text('}')}")


def record(value, name, line):
    """A struct or union, a member on a line, or all on one within an array."""
    deeper = line + "  " if line else ""
    parts = []
    for k, member in enumerate(members(value, name)):
        label, expression, kind = member
        parts += [text((deeper or (", " if k > 0 else "")) + label + " = "), shown(kind, expression, deeper)]
    return " ".join([text("{"), *parts, text(line + "}")])


def members(value, name):
    """(label, expression, type) of each member, those of unnamed structs in it included."""
    for member in value.get_fields():
        kind = member.type.get_canonical()
        if member.spelling:
            yield as_in_cell(member.spelling), f"{name}.{member.spelling}", kind
        elif kind.kind == TypeKind.RECORD:
            yield from members(kind, name)
