"""The rows of a search as far as an index tells them."""

import datetime as dt
import re
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from djtaskq.conf import conf
from djtaskq.db.prefix import starts_with
from djtaskq.db.text import storable
from djtaskq_monitor import queries, search
from djtaskq_monitor.models import CALLED
from djtaskq_monitor.search import And, Begins, Compared, Same, Text, Tree
from djtaskq_monitor.searching.columns import COLUMNS, LOOKUPS

# Not a word that ids may begin with by chance.
_ID = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{7,}")
# Each with the time of the first event.
_BY_INDEX = frozenset(("name", "worker", "state"))


def read(query: str, rows: QuerySet[Any], now: dt.datetime) -> Tree:
    """The conditions of a query; what could be an id, and is the beginning of one, is meant as that alone.

    Raises `search.SearchError`.
    """
    tree = search.parsed(query, now=timezone.localtime(now))
    if not (isinstance(tree, Text) and tree.field is None and _ID.fullmatch(query.strip())):
        return tree
    ids = rows.order_by().filter(starts_with("task_id", query.strip(), rows.db))
    return Begins(query.strip()) if ids.exists() else tree


def indexed(rows: QuerySet[Any], tree: Tree) -> QuerySet[Any]:
    """The rows as far as one index tells them, in the order of time where there are many.

    All that match are among them. Where several indexes could, it is the one that leaves the fewest.
    """
    conditions = tree.children if isinstance(tree, And) else (tree,)
    for condition in conditions:
        if isinstance(condition, Compared):
            rows = _in_time(rows, condition)
    for condition in conditions:
        if isinstance(condition, Begins):
            return rows.filter(starts_with("task_id", storable(condition.value), rows.db))
        if isinstance(condition, Same) and condition.field == "root":
            return rows.filter(Q(task_id=storable(condition.value)) | of_root(condition.value))
    options = [_same(rows, one) for one in conditions if isinstance(one, Same) and one.field in _BY_INDEX]
    return min(options, key=_counted) if len(options) > 1 else next(iter(options), rows)


def _same(rows: QuerySet[Any], condition: Same) -> QuerySet[Any]:
    if condition.field == "state":
        return in_state(rows, condition.value)
    return rows.filter(**{COLUMNS[condition.field]: storable(condition.value)})


def _counted(rows: QuerySet[Any]) -> int:
    return rows.order_by()[: conf().ADMIN_COUNT_LIMIT + 1].count()


def of_root(root: str) -> Q:
    """What that task called, directly or not, by the index."""
    return CALLED & Q(root_id=storable(root))


def in_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    """States are in capital letters: so the camera writes Celery's and those of one's own."""
    return queries.in_state(rows, storable(state).upper())


def _in_time(rows: QuerySet[Any], condition: Compared) -> QuerySet[Any]:
    """A task was first seen before it was received or started: a later bound bounds that as well."""
    if condition.field == "seen":
        return rows.filter(**{f"first_seen__{LOOKUPS[condition.sign]}": condition.value})
    if condition.field in {"sent", "received", "started"} and condition.sign in {"<", "<="}:
        return rows.filter(**{f"first_seen__{LOOKUPS[condition.sign]}": condition.value})
    return rows
