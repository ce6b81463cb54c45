"""A session on which a process hears what others announce (`djtaskq.db.announcing`)."""

import copy
import os
import selectors
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from djtaskq.db.announcing import CHANNEL, SPACE
from djtaskq.errors import DjtaskqError

SUFFIX = " (listening)"
# How long an announcement to oneself may take before it counts as lost.
ECHO_SECONDS = 1.0

_inherited: list[Any] = []


class NothingIsHeard(DjtaskqError):
    """Nothing is heard from the database {using!r}: a pooler in transaction mode may be in between."""


class Session:
    """One open connection that listens; to be used by the thread that made it.

    Raises what a connection raises, and `NothingIsHeard` where announcements get lost: then this database is
    to be polled.
    """

    def __init__(self, using: str) -> None:
        self._wrapper = _connected(using)
        self._arrived: list[str] = []
        try:
            if _is_psycopg3(self._driver):
                # For what comes while a statement of ours runs; psycopg2 keeps that by itself.
                self._driver.add_notify_handler(lambda notice: self._arrived.append(notice.payload))
            if not self._is_direct():
                self._expect_an_echo(using)
            self._execute(f"LISTEN {CHANNEL}")
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        with self._wrapper.wrap_database_errors:  # of a connection that was cut off meanwhile
            return int(self._driver.fileno())

    def hold(self, buckets: Collection[int]) -> None:
        """From here on, writers announce what falls into these buckets."""
        self._execute(
            "SELECT pg_advisory_lock_shared(%s, bucket) FROM unnest(%s::int[]) AS held(bucket)", buckets
        )

    def release(self, buckets: Collection[int]) -> None:
        self._execute(
            "SELECT pg_advisory_unlock_shared(%s, bucket) FROM unnest(%s::int[]) AS held(bucket)", buckets
        )

    def heard(self) -> list[str]:
        """What was announced since the last call, without waiting; raises OperationalError if cut off."""
        read = _psycopg3_heard if _is_psycopg3(self._driver) else _heard
        with self._wrapper.wrap_database_errors:
            self._arrived += read(self._driver)
        heard, self._arrived[:] = self._arrived[:], ()
        return heard

    def close(self) -> None:
        self._wrapper.close()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of the socket without a word to the server."""
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, self.fileno())
        os.close(nothing)
        _inherited.append(self._driver)
        self._wrapper.connection = None

    @property
    def _driver(self) -> Any:
        return self._wrapper.connection

    def _execute(self, sql: str, buckets: Collection[int] | None = None) -> None:
        with self._wrapper.cursor() as cursor:
            cursor.execute(sql, None if buckets is None else [SPACE, sorted(buckets)])

    def _is_direct(self) -> bool:
        """Whether the server knows this connection by the number that it was introduced with.

        A pooler introduces itself with a number of its own.
        """
        with self._wrapper.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            asked = cursor.fetchone()[0]
        with self._wrapper.wrap_database_errors:
            return bool(asked == self._driver.info.backend_pid)

    def _expect_an_echo(self, using: str) -> None:
        """Try out whether what another connection says arrives here while we are idle.

        On a channel of its own, since a pooler in transaction mode leaves it behind with whatever server it
        was that listened.
        """
        channel = f"{CHANNEL}_{uuid.uuid4().hex}"
        self._execute(f"LISTEN {channel}")
        with _briefly(using) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [channel])
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno(), selectors.EVENT_READ)
            # Anything else that may come of its own accord, a changed parameter, is no announcement.
            arrived = bool(selector.select(ECHO_SECONDS)) and "" in self.heard()
        self._execute(f"UNLISTEN {channel}")
        if not arrived:
            raise NothingIsHeard(using=using)


def _connected(using: str) -> BaseDatabaseWrapper:
    ours = connections[using]
    settings = copy.deepcopy(ours.settings_dict)
    # A pool in the process would open several connections for the one that is needed.
    settings["OPTIONS"].pop("pool", None)
    wrapper = type(ours)(settings, using + SUFFIX)
    wrapper.connect()
    wrapper.set_autocommit(True)
    return wrapper


@contextmanager
def _briefly(using: str) -> Iterator[BaseDatabaseWrapper]:
    wrapper = _connected(using)
    try:
        yield wrapper
    finally:
        wrapper.close()


def _is_psycopg3(driver: Any) -> bool:
    return hasattr(driver, "pgconn") and hasattr(driver, "add_notify_handler")


def _heard(driver: Any) -> Iterator[str]:
    driver.poll()
    while driver.notifies:
        yield driver.notifies.pop(0).payload


def _psycopg3_heard(driver: Any) -> Iterator[str]:
    # Below the driver's own iterator, which in its older releases cannot be left.
    driver.pgconn.consume_input()
    while (arrived := driver.pgconn.notifies()) is not None:
        yield arrived.extra.decode()
