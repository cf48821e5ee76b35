# modules.py: the module tree.

import gdb

from .read import Checked, Invalid, struct_name, struct_of, text_at
from .tape import tensor_or_invalid

MOST_MODULES = 100000


def is_module(gdb_type):
    """Is it a Module, or a struct that begins with one (Linear, Block, GPT), or a pointer to one?"""
    struct = struct_of(gdb_type)
    fields = struct.fields() if struct else []
    return struct_name(gdb_type) == "Module" or bool(fields) and fields[0].name == "module" and struct_name(fields[0].type) == "Module"


class Module(Checked):
    """A module of the tree."""

    kind = "module"

    def check(self):
        if struct_name(self.struct.type) != "Module":
            self.struct = self.struct["module"]
        struct = self.struct
        self.require(int(struct["kind"]) != 0, "it is not part of a tree, or was freed")
        self.class_name = text_at(struct["kind"]["name"])
        self.name = text_at(struct["name"])
        self.n_parameters = int(struct["n_parameters"])
        self.require(self.class_name and self.name is not None and 0 <= self.n_parameters <= int(struct["parameters_capacity"]))

    def parameters(self):
        """Its own parameters, each a Tensor or the Invalid that says what is wrong with it."""
        return [tensor_or_invalid(self.struct["parameters"][i]) for i in range(self.n_parameters)]

    def children(self):
        child = self.struct["first_child"]
        seen = set()
        while int(child) != 0 and int(child) not in seen and len(seen) < MOST_MODULES:
            seen.add(int(child))
            module = Module(child)
            yield module
            child = module.struct["next_sibling"]

    def title(self, name):
        parameters = [str(tensor) if isinstance(tensor, Invalid) else
                      f"{text_at(tensor.struct['label']) or '?'} {tensor.shape_text()}" for tensor in self.parameters()]
        return "  ".join([f"{self.class_name} {name}".rstrip(), *parameters])

    def quoted_name(self):
        return f'"{self.name}"' if self.name else ""

    def walk(self, depth=0, seen=None):
        """Itself and all modules below it, with their depths. Ends even if the tree's links are wrong."""
        seen = set() if seen is None else seen
        if self.address in seen or len(seen) >= MOST_MODULES or depth > 100:
            return
        seen.add(self.address)
        yield self, depth
        try:
            for child in self.children():
                yield from child.walk(depth + 1, seen)
        except (Invalid, gdb.error):
            return


def tree_text(root):
    """The tree, and how many values it holds; a shared parameter counts once. Below the root, names leave out their parent's."""
    lines = []
    counts = {}
    path = []
    for module, depth in root.walk():
        path[depth:] = [module.name]
        name = module.name[len(path[depth - 1]):].lstrip(".") if depth > 0 else module.quoted_name()
        lines.append("  " * depth + module.title(name))
        counts.update((tensor.address, tensor.count) for tensor in module.parameters() if not isinstance(tensor, Invalid))
    return "\n".join([*lines, f"{sum(counts.values())} values in {len(counts)} parameters"])
