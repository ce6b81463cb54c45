"""The words of a search as a tree of conditions, and whether a task meets them. Pure.

The syntax is Flower 2.2's (blanks, `AND`, `OR`, parentheses, quotes, `name:` and its like, `kwargs:a=b`)
with what it lacks: `NOT` and `-`, dates, comparisons and more fields. docs/tasks.md has the table.
"""

from djtaskq_monitor.search.errors import SearchError
from djtaskq_monitor.search.fields import EVERYWHERE, FIELDS, SAME, TEXTS
from djtaskq_monitor.search.matching import matches, pairs
from djtaskq_monitor.search.parsing import parsed
from djtaskq_monitor.search.times import moment, seconds
from djtaskq_monitor.search.tree import (
    And,
    Begins,
    Compared,
    Everything,
    Not,
    Or,
    Pair,
    Same,
    Text,
    Tree,
    all_of,
    fields_of,
)

__all__ = [
    "EVERYWHERE",
    "FIELDS",
    "SAME",
    "TEXTS",
    "And",
    "Begins",
    "Compared",
    "Everything",
    "Not",
    "Or",
    "Pair",
    "Same",
    "SearchError",
    "Text",
    "Tree",
    "all_of",
    "fields_of",
    "matches",
    "moment",
    "pairs",
    "parsed",
    "seconds",
]
