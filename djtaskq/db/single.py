"""One row at a time, from a mapping: the way that every state of every task takes.

It makes no model instance, and what depends on the columns alone is worked out once.
"""

import contextlib
import dataclasses
import datetime as dt
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression

from djtaskq.db.counting import CountOnce
from djtaskq.db.merging import Merging, Rules, Slot, Slots
from djtaskq.db.prepared import Statement
from djtaskq.db.upsert import Upsert
from djtaskq.db.values import unbounded_type

Row = Mapping[str, Any]


class SingleUpsert:
    """One row inserted, or merged into the one that is there, as `upsert` says; and no key drawn in vain.

    What a row does not name stays as it is.

    An upsert draws a primary key before it finds that the row is there. Where the keys are of 32 bits, that
    wears them out; here the row's own key is used again.

    `beside` is written together with it, and only if the row was written: what a companion table holds. Where
    that takes a statement of its own, the row is known again by the columns that `witness` names.

    `asking` is a condition that the database finds out about by the way, once the row was written, where it
    can: `write` tells whether it holds.
    """

    def __init__(
        self,
        upsert: Upsert,
        *,
        beside: Upsert | None = None,
        witness: Sequence[str] = (),
        asking: Expression | None = None,
    ) -> None:
        self.rules = upsert.rules
        self.beside = beside.rules if beside else None
        self.witness = (*self.rules.key, *witness)
        self.asking = asking
        # By all that a statement depends on: the database, and the columns that are named.
        self._plans: dict[tuple[Any, ...], _Plan] = {}

    def write(self, row: Row, *, using: str, beside: Row | None = None, known: bool = False) -> bool:
        """Write `row`, and the companion's row `beside`: values by field name, every required one among them.

        `known` says that the row is thought to be there. Where the database cannot look for it on the way, an
        UPDATE then goes first; to be wrong costs a statement, or a key.

        True if the row was written and what the upsert is `asking` holds.
        """
        plan = self._planned(using, row, beside)
        connection = connections[using]
        values = plan.values(row, beside, connection)
        try:
            return plan.write(values, connection, known=known)
        except IntegrityError:
            if connection.in_atomic_block:
                raise
            # The row whose key was to be used again went, and came back from elsewhere, in the meantime.
            return plan.write(values, connection, known=known)

    def write_and_count(
        self,
        row: Row,
        counting: CountOnce,
        counted: models.Model,
        step: int,
        *,
        using: str,
        beside: Row | None = None,
        known: bool = False,
    ) -> tuple[bool, int | None]:
        """As `write`, and in the same transaction as `counting` does it with the row `counted`.

        Gives what `write` gives, and the count; None if there was nothing to count with. Raises
        IntegrityError if `counted` is there already: then nothing was written.
        """
        connection = connections[using]
        plan = self._planned(using, row, beside, counting)
        values = [*plan.values(row, beside, connection), *counting.values(counted, step, connection)]
        single = plan.counts and not connection.in_atomic_block
        with contextlib.nullcontext() if single else transaction.atomic(using=using):
            if not plan.counts:
                return plan.write(values, connection, known=known), counting.count(counted, step, connection)
            found = plan.insert.row(values, connection)
        return found or (False, None)

    def _planned(
        self, using: str, row: Row, beside: Row | None, counting: CountOnce | None = None
    ) -> "_Plan":
        names = (using, tuple(row), tuple(beside) if beside is not None else None, counting)
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = self._plan(*names)
        return plan

    def _plan(
        self, using: str, names: Sequence[str], beside: Sequence[str] | None, counting: CountOnce | None
    ) -> "_Plan":
        connection = connections[using]
        slots = {name: Slot(number) for number, name in enumerate(names)}
        fields = [_field(self.rules, name) for name in names]
        rules = _naming(self.rules, names)
        insert, after = _insert(rules, using, slots), None
        can_ask = connection.vendor == "postgresql" and self.asking is not None
        asked = Merging(rules, using).compiled(self.asking)[0] if can_ask else None
        together = []
        if beside is not None and self.beside is not None:
            more = {name: Slot(number) for number, name in enumerate(beside, start=len(names))}
            fields += [_field(self.beside, name) for name in beside]
            companion = _naming(self.beside, beside)
            if connection.vendor == "postgresql":
                together.append(_insert_from(companion, using, more, Statement("written", ())))
            else:
                written = _rows_with(rules, using, {name: slots[name] for name in self.witness})
                after = _insert_from(companion, using, more, written)
        counts = counting is not None and connection.vendor == "postgresql"
        if counting is not None and counts:
            together += counting.halves(f"beside_{len(together)}", len(fields), connection)
        if together or asked:
            insert = _together(insert, *together, asked=asked, counts=counts)
        update = _update(rules, using, slots) if connection.vendor == "mysql" else None
        return _Plan(
            tuple(fields), tuple(map(_is_text, fields)), insert, update, after, asked is not None, counts
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """The statements, and the fields whose values fill their slots; `texts` are those of text.

    `asks` if the INSERT counts the rows of which the upsert's question holds, and not all that it wrote;
    `counts` if it gives a row: whether that question holds, and what a `CountOnce` has left.
    """

    fields: Sequence[Any]
    texts: Sequence[bool]
    insert: Statement
    update: Statement | None
    after: Statement | None
    asks: bool
    counts: bool

    def values(self, row: Row, beside: Row | None, connection: BaseDatabaseWrapper) -> list[Any]:
        given = row.values() if beside is None else itertools.chain(row.values(), beside.values())
        prepared: list[Any] = []
        kind, same = None, object()
        for field, text, value in zip(self.fields, self.texts, given, strict=True):
            if value is None or (text and value.__class__ is str):
                prepared.append(value)
            elif value is same and field.__class__ is kind:
                prepared.append(prepared[-1])  # one time stands in several columns
            else:
                prepared.append(_prepared(field, value, connection))
            kind, same = field.__class__, value
        return prepared

    def write(self, values: Sequence[Any], connection: BaseDatabaseWrapper, *, known: bool) -> bool:
        count = 0
        if not (known and self.update and self.update.execute(values, connection)):
            count = self.insert.execute(values, connection)
        if self.after:
            self.after.execute(values, connection)
        return self.asks and count > 0


def _prepared(field: Any, value: Any, connection: BaseDatabaseWrapper) -> Any:
    prepared = field.get_db_prep_save(value, connection)
    if isinstance(prepared, dt.datetime) and connection.vendor == "postgresql":
        # What the server reads anyway; psycopg2 takes three times as long to get there.
        return prepared.isoformat()
    return prepared


def _insert(rules: Rules, using: str, slots: Slots) -> Statement:
    merging = Merging(rules, using)
    columns, values = [merging.column(name) for name in slots], ["%s"] * len(slots)
    params: list[Any] = list(slots.values())
    key = rules.model._meta.pk.name
    if key not in slots and _draws_from_a_sequence(merging, key):
        stored = _rows_with(rules, using, {name: slots[name] for name in rules.key})
        # Not by the sequence's name: which one it is may depend on the search path, as the table does.
        drawn = "nextval(pg_get_serial_sequence(%s, %s))"
        columns.insert(0, merging.column(key))
        found = f"SELECT {merging.column(key)} FROM {stored.sql}"  # noqa: S608  no value is in it
        values.insert(0, f"COALESCE(({found}), {drawn})")
        params = [*stored.params, merging.table(), merging.field(key).column, *params]
    tail, tail_params = merging.on_conflict()
    head = f"INSERT INTO {merging.table()} ({', '.join(columns)}) VALUES ({', '.join(values)})"  # noqa: S608
    return Statement(f"{head} {merging.row_alias} {tail}", (*params, *tail_params))


def _update(rules: Rules, using: str, slots: Slots) -> Statement:
    """It meets the row whether or not the guard lets it change it: so it tells whether there is one."""
    merging = Merging(rules, using, slots)
    listed, params = merging.assignments()
    where = " AND ".join(f"{merging.column(name)} = %s" for name in rules.key)
    sql = f"UPDATE {merging.table()} SET {listed} WHERE {where}"  # noqa: S608
    return Statement(sql, (*params, *(slots[name] for name in rules.key)))


def _insert_from(rules: Rules, using: str, slots: Slots, rows: Statement) -> Statement:
    """An upsert of one row if `rows`, the FROM of a SELECT, has one."""
    merging = Merging(rules, using)
    columns = ", ".join(map(merging.column, slots))
    if connections[using].vendor == "postgresql":
        kinds = [unbounded_type(merging.field(name), merging.connection) for name in slots]
        values = ", ".join(f"%s::{kind}" for kind in kinds)
    else:
        values = ", ".join(f"%s AS {merging.column(name)}" for name in slots)
    # In a SELECT of its own, so that MySQL has a name for the new values.
    selected = f"SELECT * FROM (SELECT {values} FROM {rows.sql}) AS new WHERE TRUE"  # noqa: S608
    tail, params = merging.on_conflict()
    sql = f"INSERT INTO {merging.table()} ({columns}) {selected} {tail}"
    return Statement(sql, (*slots.values(), *rows.params, *params))


def _together(first: Statement, *others: Statement, asked: str | None, counts: bool) -> Statement:
    """All in one round trip and one transaction; the others read the rows that the first one wrote.

    `counts`: the last two of the others are the halves of a `CountOnce`, the first of which has the count.
    """
    parts = [f"written AS ({first.sql} RETURNING {asked or 'FALSE'} AS asked)"]
    parts += [f"beside_{number} AS ({other.sql})" for number, other in enumerate(others)]
    last = "SELECT FROM written WHERE asked" if asked or counts else "SELECT FROM written"
    if counts:
        # In this order: others wait for the counter, and shall not wait for the row too.
        last = f"SELECT EXISTS ({last}), (SELECT * FROM beside_{len(others) - 2})"  # noqa: S608
    params = [param for statement in (first, *others) for param in statement.params]
    return Statement(f"WITH {', '.join(parts)} {last}", tuple(params))


def _rows_with(rules: Rules, using: str, values: Slots) -> Statement:
    """The FROM of a SELECT that finds the rows with these values."""
    merging = Merging(rules, using)
    where = " AND ".join(f"{merging.column(name)} = %s" for name in values)
    return Statement(f"{merging.table()} WHERE {where}", tuple(values.values()))


def _draws_from_a_sequence(merging: Merging, key: str) -> bool:
    if merging.connection.vendor != "postgresql":
        return False
    with merging.connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", (merging.table(), merging.field(key).column))
        return bool(cursor.fetchone()[0])


def _naming(rules: Rules, names: Collection[str]) -> Rules:
    assign = {name: expression for name, expression in rules.assign.items() if name in names}
    return dataclasses.replace(rules, assign=assign)


def _field(rules: Rules, name: str) -> Any:
    return rules.model._meta.get_field(name)


def _is_text(field: Any) -> bool:
    return isinstance(field, models.CharField | models.TextField)
