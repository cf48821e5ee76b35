# modules.py: the module tree.

import gdb

from .read import NotOne, address_of, struct_at, struct_name, text_at
from .tape import Tensor

MOST_MODULES = 100000


class Module:
    """A module of the tree, checked: a Module, or a struct that begins with one (Linear, Block, GPT)."""

    def __init__(self, value):
        struct = struct_at(value, "module")
        try:
            if struct_name(struct.type) != "Module":
                struct = struct["module"]
            self.struct = struct
            self.address = address_of(struct)
            if int(struct["kind"]) == 0:
                raise NotOne("module", "it is not part of a tree, or was freed")
            self.kind = text_at(struct["kind"]["name"])
            self.name = text_at(struct["name"])
            self.n_parameters = int(struct["n_parameters"])
            most = struct["parameters"].type.range()[1] + 1
        except gdb.error as error:
            raise NotOne("module", str(error)) from None
        if not self.kind or self.name is None or not 0 <= self.n_parameters <= most:
            raise NotOne("module", "memory that was never set, or belongs to something else by now")

    def parameters(self):
        for i in range(self.n_parameters):
            try:
                yield Tensor(self.struct["parameters"][i])
            except NotOne as wrong:
                yield wrong

    def children(self):
        child = self.struct["first_child"]
        seen = set()
        while int(child) != 0 and int(child) not in seen and len(seen) < MOST_MODULES:
            seen.add(int(child))
            module = Module(child)
            yield module
            child = module.struct["next_sibling"]

    def title(self):
        words = [f'{self.kind} "{self.name}"' if self.name else self.kind]
        for parameter in self.parameters():
            if isinstance(parameter, NotOne):
                words.append(str(parameter))
            else:
                words.append(f"{text_at(parameter.struct['label']) or '?'} {parameter.shape_text()}")
        return "  ".join(words)

    def walk(self, depth=0, seen=None):
        """Itself and all below, with how deep. Ends in a tree whose links are wrong, too."""
        seen = set() if seen is None else seen
        if self.address in seen or len(seen) >= MOST_MODULES or depth > 100:
            return
        seen.add(self.address)
        yield self, depth
        try:
            for child in self.children():
                yield from child.walk(depth + 1, seen)
        except (NotOne, gdb.error):
            return


def tree_text(root):
    """The tree, and how many values it has, a shared parameter counted once."""
    lines = []
    seen = {}
    path = []
    for module, depth in root.walk():
        path[depth:] = [module.name]
        words = module.title()
        if depth > 0:
            below = module.name[len(path[depth - 1]):].lstrip(".")     # what its parent's name does not say already
            words = words.replace(f'"{module.name}"', below, 1)
        lines.append("  " * depth + words)
        for parameter in module.parameters():
            if isinstance(parameter, Tensor):
                seen[parameter.address] = parameter.count
    lines.append(f"{sum(seen.values())} values in {len(seen)} parameters")
    return "\n".join(lines)


def is_module(gdb_type):
    """Does the struct, or what is pointed to, begin with a Module?"""
    stripped = gdb_type.strip_typedefs()
    if stripped.code == gdb.TYPE_CODE_PTR:
        stripped = stripped.target().strip_typedefs()
    if stripped.code != gdb.TYPE_CODE_STRUCT:
        return False
    fields = stripped.fields()
    return bool(fields) and fields[0].name == "module" and struct_name(fields[0].type) == "Module"
