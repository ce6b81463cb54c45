import functools
import hashlib
from collections.abc import Sequence
from contextlib import nullcontext

from django.db import DatabaseError, connections, transaction

from djtaskq.db.triggers.declared import Trigger, TriggersRefused
from djtaskq.db.triggers.dialects import dialect_of


class Triggers:
    """The triggers of one app. The name of each begins with `prefix`, and that of no other app's does."""

    def __init__(self, prefix: str, triggers: Sequence[Trigger]) -> None:
        self._prefix = prefix
        self._triggers = tuple(triggers)

    def missing(self, using: str) -> list[str]:
        """The names of those that are not there as they are meant now, or are switched off; one statement."""
        there = self._there(using)
        return [name for name in self._named(using) if name not in there]

    def install(self, using: str) -> bool:
        """Make what is missing and drop what is obsolete; whether there was anything to do.

        Raises `TriggersRefused` where the database does not allow it: mostly for lack of a privilege.
        """
        dialect, named, there = dialect_of(using), self._named(using), self._there(using)
        todo: list[str] = []
        for name in sorted(there.keys() - named):
            todo += dialect.dropping(name, there[name])
        for name, trigger in named.items():
            if name not in there:
                todo += dialect.creating(name, trigger)
        return _executed(todo, using)

    def drop(self, using: str) -> bool:
        """Drop them all, older versions too; whether there was any. Raises `TriggersRefused`."""
        dialect, there = dialect_of(using), self._there(using)
        return _executed(
            [sql for name, table in there.items() for sql in dialect.dropping(name, table)], using
        )

    def _there(self, using: str) -> dict[str, str]:
        """The names of ours that work, each with its table."""
        tables = sorted({trigger.model._meta.db_table for trigger in self._triggers})
        with connections[using].cursor() as cursor:
            cursor.execute(*dialect_of(using).listing(tables))
            return {name: table for name, table in cursor.fetchall() if name.startswith(f"{self._prefix}_")}

    @functools.cache  # noqa: B019  an app has one of these, for good
    def _named(self, using: str) -> dict[str, Trigger]:
        """The triggers by name. A part of it follows from their text: an older version has another one."""
        named = {}
        for trigger in self._triggers:
            text = "\n".join(dialect_of(using).creating("", trigger))
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            named[f"{self._prefix}_{trigger.name}_{digest}"] = trigger
        return named


def _executed(statements: Sequence[str], using: str) -> bool:
    if not statements:
        return False
    connection = connections[using]
    try:
        # Where the database can take DDL back, all of them or none.
        one = transaction.atomic(using=using) if connection.features.can_rollback_ddl else nullcontext()
        with one, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except DatabaseError as error:
        raise TriggersRefused(reason=" ".join(str(error).split())) from error
    return True
