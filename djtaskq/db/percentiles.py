"""Percentiles of a value over many rows: as one aggregate where there is one, else by position."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections
from django.db.models import Aggregate, Expression, QuerySet


class _PercentileCont(Aggregate):
    """A list, for the fractions that it was made with."""

    template = "%(function)s(%(fractions)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    function = "percentile_cont"
    name = "Percentiles"

    def __init__(self, expression: Expression, fractions: Sequence[float]) -> None:
        super().__init__(expression, fractions=f"ARRAY[{', '.join(str(float(one)) for one in fractions)}]")


def percentiles(rows: QuerySet[Any, Any], expression: Expression, fractions: Sequence[float]) -> list[Any]:
    """The values of `expression` that these fractions (0 to 1) of the rows do not exceed; None without rows.

    Between two rows it is their weighted mean, as SQL's percentile_cont has it. PostgreSQL sorts once, in one
    statement. The others count, and then sort for each fraction: to be asked of rows that were narrowed.
    """
    if not fractions:
        return []
    rows = rows.order_by()
    if connections[rows.db].vendor == "postgresql":
        found = rows.aggregate(found=_PercentileCont(expression, fractions))["found"]
        return list(found) if found is not None else [None] * len(fractions)
    number = rows.count()
    if not number:
        return [None] * len(fractions)
    values = rows.annotate(value_=expression).order_by("value_").values_list("value_", flat=True)
    return list(_by_position(values, number, fractions))


def _by_position(values: QuerySet[Any, Any], number: int, fractions: Sequence[float]) -> Iterator[Any]:
    for fraction in fractions:
        place = fraction * (number - 1)
        below = int(place)
        # Rows may go between the count and here.
        near = list(values[below : below + 2]) or list(values.reverse()[:1]) or [None]
        low, high = near[0], near[-1]
        yield low if low is None else low + (high - low) * (place - below)
