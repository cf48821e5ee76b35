"""What libclang is asked about a cell: where something stands, of which type it is, how its value is shown."""

import ctypes
import re

from clang import cindex

from pieces import text_at

PROBLEMS_SHOWN = 10
NOT_CONSTANT = "initializer element is not a compile-time constant"
CELL_FILE = "cell.c"

Kind = cindex.CursorKind


def location_in_cell(location):
    return location.file is not None and location.file.name == CELL_FILE


def file_location(location):
    """Line and column; of something in a macro's argument, where it is written, not where the macro is."""
    file, line, column, offset = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
    cindex.conf.lib.clang_getFileLocation(location, ctypes.byref(file), ctypes.byref(line), ctypes.byref(column),
                                          ctypes.byref(offset))
    return line.value, column.value


def is_constant(cursor):
    kind = cursor.type.get_canonical()
    while kind.kind in (cindex.TypeKind.CONSTANTARRAY, cindex.TypeKind.INCOMPLETEARRAY):
        kind = kind.element_type
    return kind.is_const_qualified()


def size_filled_in(declared, cursor):
    """float x[] = {1, 2}  is declared as  float x[2] ."""
    size = cursor.type.get_canonical().get_array_size()
    for i, token in enumerate(declared.tokens):
        if token.text == "[" and text_at(declared.tokens, i + 1) == "]" and size >= 0:
            return {token.start: f"[{size}"}
    return {}


SHOWN_INTEGERS = re.compile(r"(signed |unsigned )?(char|short|int|long|long long)$")


def showing(cursor):
    """What stands before and after a cell's last expression, so that show.c shows it; the cursor's variable points to its type."""
    if cursor is None:
        return "", ";"
    value = cursor.type.get_canonical().get_pointee()
    function = show_function(value)
    if function is not None:
        return f"{function}(", ");"
    members = None
    if value.kind == cindex.TypeKind.RECORD:
        members = "__builtin_dump_struct(&cell_value, cell_show_member);"
    elif value.kind == cindex.TypeKind.CONSTANTARRAY:
        members = show_entries(value, "cell_value", 0)
    if members is None:
        return "", ";"
    return "{ __auto_type cell_value =", f"; cell_show_members_begin(); {members} cell_show_members_end(); }}"


def show_entries(array, name, depth):
    """C that writes the array as {1, 2, 3}, or None if its entries are neither numbers, texts nor such arrays."""
    n = array.element_count
    i = f"cell_{depth}"
    entry = show_entry(array.element_type.get_canonical(), f"{name}[{i}]", depth)
    if entry is None or n == 0:
        return None
    return (f"for (size_t {i} = 0; {i} < {n}; {i} = cell_show_next({i}, {n})) {{ cell_show_before({i}, {n}); {entry} }} "
            'cell_show_member("}");')


def show_entry(value, name, depth):
    function = show_function(value)
    if function is None and value.kind == cindex.TypeKind.CONSTANTARRAY:
        return show_entries(value, name, depth + 1)
    if function not in ENTRY_FORMATS:
        return None
    form, argument = ENTRY_FORMATS[function]
    return f'cell_show_member("{form}", {argument.format(name)});'


def show_function(value):
    if value.kind == cindex.TypeKind.CONSTANTARRAY and value.element_type.spelling in ("char", "const char"):
        return "cell_show_string"
    spelling = value.spelling.replace("const ", "").replace("volatile ", "").strip()
    if SHOWN_INTEGERS.match(spelling):
        return "cell_show_unsigned" if spelling.startswith("unsigned") else "cell_show_integer"
    if value.kind == cindex.TypeKind.ENUM:
        return "cell_show_integer"
    return SHOWN.get(spelling)


# How an entry of an array is printed, and what for: as show.c prints one that stands alone.
ENTRY_FORMATS = {"cell_show_integer": ("%lld", "(long long){}"), "cell_show_unsigned": ("%llu", "(unsigned long long){}"),
                 "cell_show_real": ("%.9g", "(double){}"), "cell_show_bool": ("%s", '{} ? "true" : "false"'),
                 "cell_show_string": ('\\"%s\\"', "{}")}

SHOWN = {"_Bool": "cell_show_bool", "float": "cell_show_real", "double": "cell_show_real", "long double": "cell_show_real",
         "char *": "cell_show_string", "struct Tensor *": "cell_show_tensor", "struct Shape": "cell_show_shape"}
