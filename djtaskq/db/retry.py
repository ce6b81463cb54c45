"""Why a statement failed, and whether trying again can help. Drivers' errors are read here alone."""

import contextlib
import enum
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

ResultT = TypeVar("ResultT")

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0


class Cause(enum.Enum):
    """Why a statement failed, where trying again can help."""

    OUTAGE = "the database cannot be reached, went away, or does not take writes"
    CONFLICT = "another transaction was in the way"


# PostgreSQL: connection exceptions, server shutting down or starting, too many connections, and a standby
# that was a primary when the connection was made.
_OUTAGE_STATES = ("08", "57P", "53300", "25006")
_CONFLICT_STATES = ("40001", "40P01", "55P03")
# PostgreSQL: a prepared statement that is not there, or is there already.
_STATEMENT_STATES = ("26000", "42P05")
# MySQL and MariaDB, client and server errors of the same meaning.
_OUTAGE_NUMBERS = {
    1040,
    1053,
    1077,
    1079,
    1080,
    1152,
    1158,
    1159,
    1160,
    1161,
    1290,
    1836,
    1927,
    2002,
    2003,
    2006,
    2013,
    2055,
    4031,
}
_CONFLICT_NUMBERS = {1020, 1205, 1213}
# MySQL and MariaDB, text that the column's character set does not have: by name an error of operation.
_DATA_NUMBERS = {1366}
# SQLite: BUSY and LOCKED, in the low byte of the extended codes.
_CONFLICT_SQLITE = {5, 6}


def cause(error: BaseException) -> Cause | None:
    """Why `error` happened, or None where trying again cannot help."""
    if not _is_database_error(error):
        return None
    for link in _chain(error):
        found = _by_state(link) or _by_number(link) or _by_sqlite_code(link)
        if found is not None:
            return found
    return Cause.OUTAGE if not _has_a_code(error) and _reads_like_a_loss(error) else None


def is_a_rows_fault(error: BaseException) -> bool:
    """Whether the values of one row were refused, so that others may do."""
    if isinstance(error, DataError | IntegrityError):
        return cause(error) is None
    return isinstance(error, DatabaseError) and bool(error.args) and error.args[0] in _DATA_NUMBERS


def is_unknown_statement(error: BaseException) -> bool:
    """Whether the server and this process disagree about which statements are prepared."""
    return any(_state(link) in _STATEMENT_STATES for link in _chain(error))


def retrying(
    work: Callable[[], ResultT],
    connection: BaseDatabaseWrapper,
    *,
    seconds: float,
    sleep: Callable[[float], object] = time.sleep,
    on_retry: Callable[[Cause, BaseException], object] | None = None,
) -> ResultT:
    """What `work()` returns, tried again on outages and conflicts for at most `seconds`.

    The `connection` is replaced after an outage. To be called outside of any transaction, with work that may
    be done twice. The last error is raised when the time is spent.
    """
    deadline = time.monotonic() + seconds
    pauses = _pauses()
    while True:
        try:
            with connection.wrap_database_errors:  # as `translated`, on a path where it counts
                return work()
        except (DatabaseError, InterfaceError) as error:
            why = cause(error)
            pause = next(pauses)
            if why is None or time.monotonic() + pause > deadline:
                raise
            if why is Cause.OUTAGE:
                discard(connection.alias)
            if on_retry is not None:
                on_retry(why, error)
        sleep(pause)


@contextlib.contextmanager
def translated(using: str) -> Iterator[None]:
    """Have errors of the driver raised as Django's.

    Django does so wherever it calls the driver, but for the closing of a cursor: there, mysqlclient reads
    what is left of an answer, and may find that the connection is lost.
    """
    with connections[using].wrap_database_errors:
        yield


def discard(using: str) -> None:
    """Give up this thread's connection: the next statement opens a new one."""
    # A driver may refuse to close what is closed already; Django has let go of it all the same.
    with contextlib.suppress(DatabaseError, InterfaceError):
        connections[using].close()


def _pauses() -> Iterator[float]:
    """Doubling pauses, each drawn between half and all of its length: a fleet must not march in step."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1)  # noqa: S311  spreads load, keeps no secret
        pause = min(pause * 2, LONGEST_PAUSE)


def _is_database_error(error: BaseException) -> bool:
    return isinstance(error, DatabaseError | InterfaceError) or any(
        base.__name__ in {"DatabaseError", "InterfaceError"} for base in type(error).__mro__
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and the driver's own behind it."""
    yield error
    if error.__cause__ is not None:
        yield error.__cause__


def _state(error: BaseException) -> str | None:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state if isinstance(state, str) else None


def _by_state(error: BaseException) -> Cause | None:
    state = _state(error)
    if state is None:
        return None
    if state.startswith(_OUTAGE_STATES):
        return Cause.OUTAGE
    return Cause.CONFLICT if state in _CONFLICT_STATES else None


def _by_number(error: BaseException) -> Cause | None:
    number = error.args[0] if error.args else None
    if not isinstance(number, int):
        return None
    if number in _OUTAGE_NUMBERS:
        return Cause.OUTAGE
    return Cause.CONFLICT if number in _CONFLICT_NUMBERS else None


def _by_sqlite_code(error: BaseException) -> Cause | None:
    code = getattr(error, "sqlite_errorcode", None)
    return Cause.CONFLICT if isinstance(code, int) and code & 0xFF in _CONFLICT_SQLITE else None


def _has_a_code(error: BaseException) -> bool:
    return any(
        getattr(link, "sqlite_errorcode", None) is not None or _state(link) is not None
        for link in _chain(error)
    )


def _reads_like_a_loss(error: BaseException) -> bool:
    """PostgreSQL's drivers give no SQLSTATE for a connection that failed or was found closed."""
    names = {base.__name__ for link in _chain(error) for base in type(link).__mro__}
    text = str(error)
    if "InterfaceError" in names:
        return "closed" in text or text == "(0, '')"
    signs = ("connection", "server closed", "could not translate host name", "SSL SYSCALL", "terminat")
    return "OperationalError" in names and any(sign in text for sign in signs)
