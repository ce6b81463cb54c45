"""Statements that are sent often, which PostgreSQL parses and plans once for a connection.

For a row of some width that takes the server longer than to write it.
"""

import dataclasses
import functools
import hashlib
import itertools
import operator
import re
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from djtaskq.db import retry
from djtaskq.db.merging import Slot

# A connection that lives for one task is not to pay a round trip for what it will not use.
OFTEN = 5
_NEVER = -1

_rowcount = operator.attrgetter("rowcount")
_first_row = operator.methodcaller("fetchone")

# For each of the drivers' connections, how often it was sent what: what a server knows ends with them.
_sent: weakref.WeakKeyDictionary[Any, MutableMapping["Statement", int]] = weakref.WeakKeyDictionary()


@dataclasses.dataclass(frozen=True, eq=False)
class Statement:
    """SQL with a `%s` for each of `params`: a `Slot` is filled anew each time, all else stands for itself."""

    sql: str
    params: Sequence[Any]

    def execute(self, values: Sequence[Any], connection: BaseDatabaseWrapper) -> int:
        """Send it with `values` in the slots, which each of them fills, and tell how many rows it wrote."""
        return int(self._carried_out(values, connection, _rowcount))

    def row(self, values: Sequence[Any], connection: BaseDatabaseWrapper) -> tuple[Any, ...] | None:
        """Send it likewise, and return the first row that it gives."""
        found: tuple[Any, ...] | None = self._carried_out(values, connection, _first_row)
        return found

    def _carried_out(
        self, values: Sequence[Any], connection: BaseDatabaseWrapper, read: Callable[[Any], Any]
    ) -> Any:
        """What `read` makes of the cursor, once it was sent."""
        if _lasts(connection) and self._is_ready(connection):
            try:
                with connection.wrap_database_errors, _cursor(connection) as cursor:
                    cursor.execute(self._call, values)
                    return read(cursor)
            except DatabaseError as error:
                if not retry.is_unknown_statement(error):
                    raise
                # A pooler between us and the server, or somebody discarded what it knew.
                _sent[connection.connection][self] = _NEVER
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self._filled(values))
            return read(cursor)

    def _is_ready(self, connection: BaseDatabaseWrapper) -> bool:
        """Whether the server knows it; it is told at the fifth time."""
        if connection.connection is None:
            connection.ensure_connection()
        sent = _sent.setdefault(connection.connection, {})
        times = sent.get(self, 0)
        if times == _NEVER or times > OFTEN:
            return times > OFTEN
        sent[self] = times + 1
        if times == OFTEN:
            try:
                with connection.cursor() as cursor:
                    cursor.execute(*self._preparation)
            except DatabaseError as error:
                # It may be there already: its name stands for all that it says.
                if not retry.is_unknown_statement(error):
                    raise
        return sent[self] > OFTEN

    def _filled(self, values: Sequence[Any]) -> list[Any]:
        return [values[param.position] if isinstance(param, Slot) else param for param in self.params]

    @functools.cached_property
    def _name(self) -> str:
        # Of all that it says: behind a pooler, another version of us may have left its own on the server.
        return f"djtaskq_{hashlib.sha256(repr((self.sql, self.params)).encode()).hexdigest()[:20]}"

    @functools.cached_property
    def _call(self) -> str:
        slots = {param.position for param in self.params if isinstance(param, Slot)}
        return f"EXECUTE {self._name} ({', '.join(['%s'] * len(slots))})"

    @functools.cached_property
    def _preparation(self) -> tuple[str, list[Any]]:
        """The slots become the server's own; what stands for itself is filled in by the driver."""
        params = iter(self.params)

        def numbered(_: re.Match[str]) -> str:
            param = next(params)
            return f"${param.position + 1}" if isinstance(param, Slot) else "%s"

        fixed = itertools.filterfalse(lambda param: isinstance(param, Slot), self.params)
        return f"PREPARE {self._name} AS {re.sub('%s', numbered, self.sql)}", list(fixed)


def _cursor(connection: Any) -> Any:
    """The driver's own, on a connection that nobody watches: Django's takes half as long as the driver."""
    unchecked = connection.health_check_enabled and not connection.health_check_done
    watched = connection.execute_wrappers or connection.queries_logged
    return connection.cursor() if unchecked or watched else connection.connection.cursor()


def _lasts(connection: BaseDatabaseWrapper) -> bool:
    """Whether what this connection's server is told now is known to it later.

    Not behind a pooler that hands out another server for each transaction, which is what Django's setting
    says; and an error inside a transaction would abort it.
    """
    settings = connection.settings_dict
    return (
        connection.vendor == "postgresql"
        and not connection.in_atomic_block
        and not settings.get("DISABLE_SERVER_SIDE_CURSORS")
        and not settings["OPTIONS"].get("server_side_binding")
    )
