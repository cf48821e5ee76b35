# read.py: reading the program's memory. What is read may be uninitialized, freed or wrong: each value is checked first.

import array

import gdb


class NotOne(Exception):
    """What is looked at is not what it should be; the message says why."""

    def __init__(self, kind, why):
        super().__init__(f"<not a {kind}: {why}>")


def address_of(value):
    """The address that a pointer holds, or of a struct; 0 for a struct that lies in registers."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return int(value)
    return 0 if value.address is None else int(value.address)


def struct_name(gdb_type):
    """"Tensor" for Tensor, const Tensor *, and the like; None for what is no struct nor a pointer to one."""
    stripped = gdb_type.strip_typedefs()
    if stripped.code == gdb.TYPE_CODE_PTR:
        stripped = stripped.target().strip_typedefs()
    return stripped.unqualified().tag if stripped.code == gdb.TYPE_CODE_STRUCT else None


def struct_at(value, kind):
    """The struct that value is or points to. NotOne if there is none in memory."""
    try:
        if value.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
            value.fetch_lazy()
            return value
        if int(value) == 0:
            raise NotOne(kind, "NULL")
        struct = value.dereference()
        struct.fetch_lazy()
        return struct
    except gdb.MemoryError:
        raise NotOne(kind, f"there is no memory at {int(value):#x}") from None
    except gdb.error as error:
        raise NotOne(kind, str(error)) from None


def text_at(pointer, limit=200):
    """The C string at pointer; "" for NULL; None if there is none."""
    try:
        if int(pointer) == 0:
            return ""
        data = bytes(gdb.selected_inferior().read_memory(int(pointer), 1))
        text = pointer.string("utf-8", "strict", limit) if data != b"\0" else ""
    except (gdb.error, UnicodeDecodeError):
        try:
            text = pointer.string("utf-8", "strict")       # shorter than limit, at the end of readable memory
        except (gdb.error, UnicodeDecodeError):
            return None
    text = text.split("\0")[0]
    return text if text.isprintable() else None


def flag(value):
    """A bool that is 0 or 1, or None: memory that was never set seldom is."""
    byte = int(value.cast(gdb.lookup_type("unsigned char")))
    return bool(byte) if byte in (0, 1) else None


def enum_word(value):
    """"softmax" for OP_SOFTMAX, None for a number that is no constant of its enum."""
    for field in value.type.strip_typedefs().fields():
        if field.enumval == int(value) and not field.name.endswith("_COUNT"):
            return field.name.split("_", 1)[1].lower()
    return None


def where_text(where, function=True):
    """"gpt/block.c:43, block_forward()", or "" for a place that is none."""
    file = text_at(where["file"])
    if not file:
        return ""
    name = text_at(where["function"])
    return f"{file}:{int(where['line'])}" + (f", {name}()" if function and name else "")


def read_values(pointer, count):
    """count numbers at pointer, float or double as its type says, in one read."""
    size = pointer.type.strip_typedefs().target().strip_typedefs().sizeof
    values = array.array("f" if size == 4 else "d")
    values.frombytes(bytes(gdb.selected_inferior().read_memory(int(pointer), count * size)))
    return values


def is_readable(pointer, count):
    """Is there memory at the first and the last of count numbers?"""
    size = pointer.type.strip_typedefs().target().strip_typedefs().sizeof
    inferior = gdb.selected_inferior()
    try:
        inferior.read_memory(int(pointer), size)
        inferior.read_memory(int(pointer) + (count - 1) * size, size)
        return True
    except gdb.error:
        return False
