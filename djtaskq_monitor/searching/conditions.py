"""The conditions of a search as the database can tell them."""

import functools
import operator

from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import IContains

from djtaskq.db.text import storable
from djtaskq.redactor import redactor
from djtaskq_monitor import search
from djtaskq_monitor.search import And, Begins, Compared, Not, Or, Pair, Same, Text, Tree
from djtaskq_monitor.searching.columns import COLUMNS, HIDING, LOOKUPS


def exact(tree: Tree) -> bool:
    """Whether `possible` tells all that meets the conditions from all that does not."""
    return not search.fields_of(tree) & HIDING


def possible(tree: Tree, *, wanted: bool = True) -> Q | None:
    """What the database can tell of the rows that meet the conditions (or do not): None where nothing.

    All rows that meet them as they are shown meet it too.
    """
    if isinstance(tree, Not):
        return possible(tree.child, wanted=not wanted)
    if isinstance(tree, And | Or):
        parts = [possible(child, wanted=wanted) for child in tree.children]
        known = [part for part in parts if part is not None]
        if isinstance(tree, And) is wanted:
            return functools.reduce(operator.and_, known) if known else None
        return functools.reduce(operator.or_, known) if len(known) == len(parts) else None
    if not wanted and (isinstance(tree, Pair) or (redactor() and search.fields_of(tree) & HIDING)):
        return None  # what a secret holds must not show in what is left out
    condition = _condition(tree)
    return condition if wanted or condition is None else ~condition


def _condition(tree: Tree) -> Q | None:
    if isinstance(tree, Text):
        fields = search.EVERYWHERE if tree.field is None else (tree.field,)
        return functools.reduce(operator.or_, (_contains(field, storable(tree.value)) for field in fields))
    if isinstance(tree, Same):
        lookup = "iexact" if tree.field in {"state", "queue"} else "exact"
        return Q(**{f"{COLUMNS[tree.field]}__{lookup}": storable(tree.value)})
    if isinstance(tree, Begins):
        return Q(task_id__startswith=storable(tree.value))
    if isinstance(tree, Compared):
        return Q(**{f"{COLUMNS[tree.field]}__{LOOKUPS[tree.sign]}": tree.value})
    # A value may be spelled in several ways; the key seldom is.
    return Q(kwargs__icontains=storable(tree.key)) if isinstance(tree, Pair) else None


def _contains(field: str, text: str) -> Q:
    if field == "worker":  # a foreign key has no such lookup
        name = Coalesce(F("worker_id"), Value(""), output_field=CharField())
        return Q(IContains(name, text))
    return Q(**{f"{COLUMNS[field]}__icontains": text})
