"""Rows by many whole-number keys, without what an `__in` of as many parameters costs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.db.models.lookups import Lookup

if TYPE_CHECKING:
    _Lookup = Lookup[str]
else:  # generic for the type checker alone
    _Lookup = Lookup


class Among(_Lookup):
    """`filter(Among("pk", keys))`: as `filter(pk__in=keys)`, for whole numbers.

    They stand in the statement as they are. Django prepares, and a driver quotes, each parameter by itself:
    for thousands of them that takes longer than to find the rows; and SQLite has a limit to their number.
    """

    # A lookup and no function: those MySQL would compare with True, and not look into an index.
    lookup_name = "among"
    prepare_rhs = False

    def __init__(self, field: str, keys: Iterable[int]) -> None:
        super().__init__(F(field), ",".join(str(int(key)) for key in keys) or "NULL")

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        sql, params = self.process_lhs(compiler, connection)
        return f"{sql} IN ({self.rhs})", params
