"""What the list of periodic tasks can be sorted by beside its own columns."""

from typing import Any

from django.db.models import BigIntegerField, CharField, ExpressionWrapper, F, Value
from django.db.models.expressions import Combinable, OrderBy
from django.db.models.functions import Coalesce, NullIf


class KnownFirst(OrderBy):
    """In either direction, rows that have no value come last."""

    def __init__(self, expression: Any, *, descending: bool = False) -> None:
        super().__init__(expression, descending=descending, nulls_last=True)

    def reverse_ordering(self) -> OrderBy:
        self.descending = not self.descending
        return self


def _of_last_run(name: str) -> F:
    return F(f"latest_run__run__{name}")


# How its task ended, as far as that is on record, or else what became of the slot.
_ENDED_AS = NullIf(_of_last_run("outcome"), Value(""), output_field=CharField())
OUTCOME = KnownFirst(Coalesce(_ENDED_AS, _of_last_run("state"), output_field=CharField()))
_LATE: Combinable = _of_last_run("published_at") - Coalesce(_of_last_run("due_at"), _of_last_run("slot"))
LATENESS = KnownFirst(ExpressionWrapper(_LATE, output_field=BigIntegerField()))
