# read.py: reads the program's memory. What is there may be uninitialized, freed or wrong, so everything is checked.

import array
import os

import gdb

UNSET = "uninitialized or reused memory"


class Invalid(Exception):
    """What was read is not what it should be; the message says why."""

    def __init__(self, kind, why):
        super().__init__(f"<not a {kind}: {why}>")


class Checked:
    """A struct in the program, or what a pointer points to, that has passed its check. kind names it in messages."""

    kind = None

    def __init__(self, value):
        self.address = address_of(value)
        try:
            if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
                self.require(self.address != 0, "NULL")
                value = value.dereference()
            value.fetch_lazy()
        except gdb.MemoryError:
            raise Invalid(self.kind, f"no memory at {self.address:#x}") from None
        self.struct = value
        try:
            self.check()
        except gdb.error as error:
            raise Invalid(self.kind, str(error)) from None

    def check(self):
        """Reads the fields; raises Invalid or gdb.error."""

    def require(self, condition, why=UNSET):
        if not condition:
            raise Invalid(self.kind, why)


def address_of(value):
    """The address that a pointer holds, or of a struct; 0 for a struct in registers."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return int(value)
    return 0 if value.address is None else int(value.address)


def struct_of(gdb_type):
    """The struct type that this type is or points to, or None."""
    stripped = gdb_type.strip_typedefs()
    if stripped.code == gdb.TYPE_CODE_PTR:
        stripped = stripped.target().strip_typedefs()
    return stripped.unqualified() if stripped.code == gdb.TYPE_CODE_STRUCT else None


def struct_name(gdb_type):
    """"Tensor" for Tensor, const Tensor * and the like, or None."""
    struct = struct_of(gdb_type)
    return struct.tag if struct else None


def text_at(pointer):
    """The C string at pointer, characters that are not printable as escapes; "" for NULL, None where there is no string."""
    try:
        text = pointer.string("utf-8", "backslashreplace") if int(pointer) != 0 else ""
    except gdb.error:
        return None
    return printable(text)


def printable(text):
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def flag(value):
    """The bool, or None if the byte is neither 0 nor 1: uninitialized memory rarely is."""
    byte = int(value.cast(gdb.lookup_type("unsigned char")))
    return bool(byte) if byte in (0, 1) else None


def op_name(value):
    """"softmax" for a pointer to op_softmax, None for a pointer to something else."""
    try:
        return text_at(value["name"]) or None
    except gdb.MemoryError:
        return None


def enum_word(value):
    """"pre" for NORM_PRE: the name without the prefix of its enum; None if the enum has no constant of that value."""
    names = [field.name for field in value.type.strip_typedefs().fields()]
    prefix = os.path.commonprefix(names).rpartition("_")[0]
    for field in value.type.strip_typedefs().fields():
        if field.enumval == int(value) and not field.name.endswith("_COUNT"):
            return field.name[len(prefix):].lstrip("_").lower()
    return None


def where_text(where, function=True):
    """"FILE:LINE, FUNCTION()", or "" if the place is not set."""
    file = text_at(where["file"])
    name = text_at(where["function"]) if file and function else None
    return f"{file}:{int(where['line'])}" + (f", {name}()" if name else "") if file else ""


def item_size(pointer):
    return pointer.type.strip_typedefs().target().strip_typedefs().sizeof


def read_values(pointer, count):
    """count numbers at pointer, float or double as its type says, in one read."""
    values = array.array("f" if item_size(pointer) == 4 else "d")
    values.frombytes(bytes(gdb.selected_inferior().read_memory(int(pointer), count * item_size(pointer))))
    return values


def is_readable(pointer, count):
    """Can the first and the last of count numbers be read?"""
    try:
        read_values(pointer, 1)
        read_values(pointer + (count - 1), 1)
        return True
    except gdb.error:
        return False
