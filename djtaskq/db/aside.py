"""A connection beside the caller's, for what must be seen at once whatever becomes of the open transaction.

A task's state that is written inside the task's own `atomic()` would be invisible until it ends, gone if it
is rolled back, and refused if it was aborted. Beside it, there is one more connection for each thread that
ever needed one, and none for the others.

A process that runs tasks one after the other may `keep` it. Celery closes Django's connections before and
after each task, whatever CONN_MAX_AGE says, and to connect takes many times as long as to store a state.
"""

import os
import weakref
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.connection import ConnectionDoesNotExist

SUFFIX = " (aside)"

_made: weakref.WeakSet[BaseDatabaseWrapper] = weakref.WeakSet()
_inherited: list[Any] = []
_kept_for = 0.0


def keep(seconds: float) -> None:
    """From now on this process has its connections beside the callers' at all times, each for `seconds`.

    Where threads are many and short-lived, each would leave one behind: not for pools of greenlets.
    """
    global _kept_for  # noqa: PLW0603  it belongs to the process, as its sockets do
    _kept_for = seconds


def outside(using: str) -> BaseDatabaseWrapper:
    """A connection to the same database that has no transaction open: the alias's own if that has none.

    Two cases have no outside. Where one connection writes at a time, a second one would wait for the first,
    which waits for it. And what stands in the transaction that Django's TestCase puts around a test can be
    seen by nobody else. There the answer is the alias's own, transaction and all.
    """
    connection = connections[using]
    if not _kept_for and not _in_transaction(connection):
        return connection
    if connection.vendor == "sqlite" or _in_testcase(connection):
        return connection
    return _beside(connection)


def close_obsolete(**_signal: object) -> None:
    """Close this thread's connections of this kind that are due for it, as Django does with its own.

    May be connected to `request_finished`.
    """
    for alias in connections:
        beside = _existing(alias + SUFFIX)
        if beside is not None:
            beside.close_if_unusable_or_obsolete()


def _in_transaction(connection: BaseDatabaseWrapper) -> bool:
    return connection.in_atomic_block or (connection.connection is not None and not connection.autocommit)


def _in_testcase(connection: BaseDatabaseWrapper) -> bool:
    blocks = connection.atomic_blocks
    return bool(blocks) and getattr(blocks[0], "_from_testcase", False)


def _beside(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    alias = connection.alias + SUFFIX
    beside = _existing(alias)
    if beside is None:
        beside = connection.copy(alias)
        # One connection needs no pool to itself, and Django's pools allow none that is kept.
        beside.settings_dict["OPTIONS"].pop("pool", None)
        if _kept_for:
            beside.settings_dict["CONN_MAX_AGE"] = _kept_for
            # One that was lost is replaced when a statement fails: to ask before each takes as long as it.
            beside.settings_dict["CONN_HEALTH_CHECKS"] = False
        _made.add(beside)
        connections[alias] = beside
    return beside


def _existing(alias: str) -> BaseDatabaseWrapper | None:
    try:
        return connections[alias]
    except ConnectionDoesNotExist:
        return None


def _leave_to_parent() -> None:
    """In a forked child: connect anew, and never say goodbye on the socket that the parent goes on using."""
    for connection in _made:
        if connection.connection is not None:
            _inherited.append(connection.connection)
            connection.connection = None


os.register_at_fork(after_in_child=_leave_to_parent)
