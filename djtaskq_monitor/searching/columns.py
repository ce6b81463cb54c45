"""The columns behind the fields of a search, and their values as pages show them."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from djtaskq.redactor import redactor

_OWN_NAME = ("name", "state", "args", "kwargs", "result", "exception", "traceback", "queue")
COLUMNS: Mapping[str, str] = {
    **{name: name for name in (*_OWN_NAME, "sent", "received", "started", "eta", "runtime", "retries")},
    "id": "task_id",
    "worker": "worker_id",
    "root": "root_id",
    "parent": "parent_id",
    "seen": "first_seen",
}
# The fields in which arguments, and what came of them, can stand.
HIDING = frozenset(("args", "kwargs", "result", "exception", "traceback"))
LOOKUPS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "exact"}


def as_shown(row: dict[str, Any]) -> dict[str, Any]:
    names = {column: field for field, column in COLUMNS.items()}
    shown = {names[column]: value for column, value in row.items()}
    for field in HIDING & shown.keys():
        shown[field] = redactor().text(shown[field] or "")
    if (eta := shown.get("eta")) is not None and timezone.is_naive(eta):
        shown["eta"] = timezone.make_aware(eta)
    return shown
