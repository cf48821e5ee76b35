"""What is known of a cell after its translation."""

from dataclasses import dataclass, field


@dataclass
class Problem:
    """An error or a warning; line and column in the cell, counted from 1. Line 0: not in the cell."""
    severity: str
    message: str
    line: int = 0
    column: int = 0


@dataclass
class Entity:
    """What a name at the top level of a cell stands for."""
    kind: str                   # variable, function, type or constant (of an enumeration)
    engine_name: str
    type: str = ""              # as the compiler spells it; of a type, its text
    complete: bool = True       # False for  struct Pair;


@dataclass
class Cell:
    """A translated cell."""
    number: int
    problems: list = field(default_factory=list)
    source: str = ""                                    # for the engine
    entities: dict = field(default_factory=dict)        # what it defines
    macros: dict = field(default_factory=dict)
    summary: str = ""                                   # its declarations, for the cells after it

    @property
    def errors(self):
        return [problem for problem in self.problems if problem.severity == "error"]
