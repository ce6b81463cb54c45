"""Each database's own words for the same triggers."""
# ruff: noqa: S608  the statements are made of names of tables and columns, which nobody enters

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from djtaskq.db.clock import DatabaseNow
from djtaskq.db.triggers.declared import Event, Remove, Stamp, Trigger, TriggersRefused, column


class Dialect:
    """What the databases have in common."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def creating(self, name: str, trigger: Trigger) -> list[str]:
        """The statements that make it."""
        raise NotImplementedError

    def dropping(self, name: str, table: str) -> list[str]:
        raise NotImplementedError

    def listing(self, tables: Sequence[str]) -> tuple[str, Sequence[Any]]:
        """A statement that gives name and table of all triggers on these tables that are switched on."""
        raise NotImplementedError

    def differs(self, old: str, new: str) -> str:
        """A condition: the two values differ, null being a value like any other."""
        raise NotImplementedError

    def quoted(self, name: str) -> str:
        return str(self._connection.ops.quote_name(name))

    def condition(self, trigger: Trigger) -> str:
        """When the trigger is to act; empty for always."""
        columns = [self.quoted(column(trigger.model, name)) for name in trigger.changing]
        return " OR ".join(self.differs(f"OLD.{name}", f"NEW.{name}") for name in columns)

    def statements(self, trigger: Trigger) -> Iterator[str]:
        row = "OLD" if trigger.event is Event.DELETE else "NEW"
        for action in trigger.actions:
            value = f"{row}.{self.quoted(column(trigger.model, action.of))}"
            if isinstance(action, Remove):
                yield f"DELETE FROM {self._table(action)} WHERE {self._key(action)} = {value}"
            elif action.through is not None:
                yield self.stamping_through(action, *action.through, value)
            elif action.made_if is None:
                yield f"{self._stamping(action)} WHERE {self._key(action)} = {value}"
            else:
                made_if = f"{row}.{self.quoted(column(trigger.model, action.made_if))}"
                yield self._making(action, value, made_if)
                yield f"{self._stamping(action)} WHERE {self._key(action)} = {value} AND NOT {made_if}"

    def stamping_through(self, action: Stamp, middle: type[models.Model], name: str, value: str) -> str:
        """Stamp what belongs to the rows of `middle` whose reference `name` is `value`."""
        found = (
            f"SELECT {self.quoted(column(middle, 'pk'))} FROM {self.quoted(middle._meta.db_table)}"
            f" WHERE {self.quoted(column(middle, name))} = {value}"
        )
        return f"{self._stamping(action)} WHERE {self._key(action)} IN ({found})"

    def on_conflict(self, action: Stamp) -> str:
        return f"ON CONFLICT ({self._key(action)}) DO UPDATE SET {self.assignments(action)}"

    def assignments(self, action: Stamp) -> str:
        return ", ".join(
            f"{self.quoted(column(action.model, name))} = {self._now()}" for name in action.fields
        )

    def _making(self, action: Stamp, value: str, made_if: str) -> str:
        """One statement, since a row that another transaction is about to make must be stamped as well."""
        values = {self._key(action): value}
        for field in action.model._meta.concrete_fields:
            if field.name in action.fields:
                values[self.quoted(str(field.column))] = self._now()
            elif field.has_default() and field.name != action.key:
                values[self.quoted(str(field.column))] = self._literal(field)
        return (
            f"INSERT INTO {self._table(action)} ({', '.join(values)}) SELECT {', '.join(values.values())}"
            f" WHERE {made_if} {self.on_conflict(action)}"
        )

    def _literal(self, field: Any) -> str:
        value = field.get_db_prep_save(field.get_default(), connection=self._connection)
        if isinstance(value, bool | int):
            return str(value)
        if not isinstance(value, str) or set(value) & set("'\\%"):
            raise TypeError(f"{field}: a trigger cannot write {value!r}")
        return f"'{value}'"

    def _stamping(self, action: Stamp) -> str:
        return f"UPDATE {self._table(action)} SET {self.assignments(action)}"

    def _table(self, action: Stamp | Remove) -> str:
        return self.quoted(action.model._meta.db_table)

    def _key(self, action: Stamp | Remove) -> str:
        return self.quoted(column(action.model, action.key))

    def _now(self) -> str:
        sql, _ = getattr(DatabaseNow(), f"as_{self._connection.vendor}")()
        return str(sql)


class PostgreSQL(Dialect):
    def creating(self, name: str, trigger: Trigger) -> list[str]:
        quoted, table = self.quoted(name), self.quoted(trigger.model._meta.db_table)
        condition = self.condition(trigger)
        when = f"WHEN ({condition})" if condition else ""
        body = "; ".join(self.statements(trigger))
        # With its owner's rights and path: whoever may write the user's table need not know of ours.
        function = f"""CREATE OR REPLACE FUNCTION {quoted}() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $trigger$
            BEGIN
                {body};
                RETURN NULL;
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'trigger % did nothing: %', TG_NAME, SQLERRM;
                RETURN NULL;
            END $trigger$"""
        created = f"""CREATE TRIGGER {quoted} AFTER {trigger.event.value} ON {table}
            FOR EACH ROW {when} EXECUTE FUNCTION {quoted}()"""
        return [function, f"DROP TRIGGER IF EXISTS {quoted} ON {table}", created]

    def dropping(self, name: str, table: str) -> list[str]:
        quoted = self.quoted(name)
        return [f"DROP TRIGGER {quoted} ON {self.quoted(table)}", f"DROP FUNCTION IF EXISTS {quoted}()"]

    def listing(self, tables: Sequence[str]) -> tuple[str, Sequence[Any]]:
        listed = ", ".join(["to_regclass(%s)"] * len(tables))
        sql = f"""SELECT t.tgname, c.relname
            FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
            WHERE t.tgrelid IN ({listed}) AND t.tgenabled IN ('O', 'A')"""
        return sql, [self.quoted(table) for table in tables]

    def differs(self, old: str, new: str) -> str:
        return f"{old} IS DISTINCT FROM {new}"


class MySQL(Dialect):
    """MySQL and MariaDB."""

    def creating(self, name: str, trigger: Trigger) -> list[str]:
        table, condition = self.quoted(trigger.model._meta.db_table), self.condition(trigger)
        body = "; ".join(self.statements(trigger)) + ";"
        if condition:
            body = f"IF {condition} THEN {body} END IF;"
        # A deadlock or a lost connection ends the user's statement all the same: no handler gets those.
        created = f"""CREATE TRIGGER {self.quoted(name)} AFTER {trigger.event.value} ON {table} FOR EACH ROW
            BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN END; {body} END"""
        return [created]

    def dropping(self, name: str, table: str) -> list[str]:  # noqa: ARG002  a name is enough here
        return [f"DROP TRIGGER {self.quoted(name)}"]

    def listing(self, tables: Sequence[str]) -> tuple[str, Sequence[Any]]:
        listed = ", ".join(["%s"] * len(tables))
        sql = f"""SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS
            WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE IN ({listed})"""
        return sql, tables

    def differs(self, old: str, new: str) -> str:
        # Byte by byte: a collation may hold that “a” is “A”.
        return f"NOT (CAST({old} AS BINARY) <=> CAST({new} AS BINARY))"

    def on_conflict(self, action: Stamp) -> str:
        return f"ON DUPLICATE KEY UPDATE {self.assignments(action)}"

    def stamping_through(self, action: Stamp, middle: type[models.Model], name: str, value: str) -> str:
        # An update with IN (SELECT …) would look at every row of the table that it updates.
        return (
            f"UPDATE {self._table(action)} JOIN {self.quoted(middle._meta.db_table)} AS used"
            f" ON used.{self.quoted(column(middle, 'pk'))} = {self._table(action)}.{self._key(action)}"
            f" SET {self.assignments(action)} WHERE used.{self.quoted(column(middle, name))} = {value}"
        )


class SQLite(Dialect):
    def creating(self, name: str, trigger: Trigger) -> list[str]:
        table, condition = self.quoted(trigger.model._meta.db_table), self.condition(trigger)
        when = f"WHEN {condition}" if condition else ""
        body = "; ".join(self.statements(trigger))
        created = f"""CREATE TRIGGER {self.quoted(name)} AFTER {trigger.event.value} ON {table}
            FOR EACH ROW {when} BEGIN {body}; END"""
        return [created]

    def dropping(self, name: str, table: str) -> list[str]:  # noqa: ARG002  a name is enough here
        return [f"DROP TRIGGER {self.quoted(name)}"]

    def listing(self, tables: Sequence[str]) -> tuple[str, Sequence[Any]]:
        listed = ", ".join(["%s"] * len(tables))
        sql = f"""SELECT name, tbl_name FROM sqlite_master
            WHERE type = 'trigger' AND tbl_name IN ({listed})"""
        return sql, tables

    def differs(self, old: str, new: str) -> str:
        return f"{old} IS NOT {new}"


_DIALECTS: dict[str, type[Dialect]] = {"postgresql": PostgreSQL, "mysql": MySQL, "sqlite": SQLite}


def dialect_of(using: str) -> Dialect:
    connection = connections[using]
    if connection.vendor not in _DIALECTS:
        raise TriggersRefused(reason=f"djtaskq has none for {connection.display_name}")
    return _DIALECTS[connection.vendor](connection)
