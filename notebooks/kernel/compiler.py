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
    if value.kind == cindex.TypeKind.RECORD:
        return ("{ __auto_type cell_value =",
                "; cell_show_members_begin(); __builtin_dump_struct(&cell_value, cell_show_member); cell_show_members_end(); }")
    return "", ";"


def show_function(value):
    if value.kind == cindex.TypeKind.CONSTANTARRAY and value.element_type.spelling in ("char", "const char"):
        return "cell_show_string"
    spelling = value.spelling.replace("const ", "").replace("volatile ", "").strip()
    if SHOWN_INTEGERS.match(spelling):
        return "cell_show_unsigned" if spelling.startswith("unsigned") else "cell_show_integer"
    if value.kind == cindex.TypeKind.ENUM:
        return "cell_show_integer"
    return SHOWN.get(spelling)


SHOWN = {"_Bool": "cell_show_bool", "float": "cell_show_real", "double": "cell_show_real", "long double": "cell_show_real",
         "char *": "cell_show_string", "struct Tensor *": "cell_show_tensor", "struct Shape": "cell_show_shape"}
