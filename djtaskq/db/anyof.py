"""Rows by many texts, in as few statements as the database allows."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db.models import BooleanField, F, Func

from djtaskq.db.features import batch_size, features

MOST_TEXTS = 10_000


class AnyOf(Func):
    """`filter(AnyOf("task_id", texts))`: as `task_id__in=texts`, by one array where there are arrays."""

    output_field = BooleanField()

    def __init__(self, field: str, texts: Sequence[str]) -> None:
        super().__init__(F(field))
        self._texts = list(texts)

    def as_sql(self, compiler: Any, *_: Any, **_context: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        marks = ", ".join(["%s"] * len(self._texts)) or "NULL"
        return f"{sql} IN ({marks})", [*params, *self._texts]

    def as_postgresql(self, compiler: Any, *_: Any, **_context: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"{sql} = ANY(%s::text[])", [*params, self._texts]


def batches(texts: Collection[str], *, using: str) -> Iterator[list[str]]:
    """The texts, in the parts that an `AnyOf` takes: all of them where they are one parameter."""
    ordered = sorted(texts)
    size = len(ordered) if features(using).unnest else batch_size(using, 1, MOST_TEXTS)
    for start in range(0, len(ordered), max(1, size)):
        yield ordered[start : start + size]
