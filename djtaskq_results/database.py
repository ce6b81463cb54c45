"""How this app reaches its database: on which connection, and how long it goes on trying."""

import functools
from collections.abc import Callable
from typing import TypeVar

from django.db import models, router

from djtaskq.conf import conf
from djtaskq.db.aside import keep, outside
from djtaskq.db.retry import retrying

ResultT = TypeVar("ResultT")

# Somebody stands before a page or holds a request open while we read: an error soon is better than one late.
READING_SECONDS = 5.0


def keep_connection(**_signal: object) -> None:
    """Connected to `worker_process_init`, which the processes of the prefork and solo pools send."""
    keep(conf().RESULTS_CONNECTION_SECONDS)


def writing_to(
    model: type[models.Model], work: Callable[[str], ResultT], *, seconds: float | None = None
) -> ResultT:
    """What `work(alias)` returns, on the database that `model` is written to.

    Outside of the caller's transaction where there is an outside (`djtaskq.db.aside`); there it is tried
    again on outages and conflicts for `seconds`, `DJTASKQ["DATABASE_RETRY_SECONDS"]` if not given. So `work`
    must be something that may be done twice.
    """
    connection = outside(router.db_for_write(model))
    using = connection.alias
    if connection.in_atomic_block:
        return work(using)
    limit = conf().DATABASE_RETRY_SECONDS if seconds is None else seconds
    return retrying(functools.partial(work, using), connection, seconds=limit)


def reading_from(
    model: type[models.Model], work: Callable[[str], ResultT], *, seconds: float | None = None
) -> ResultT:
    """As `writing_to`, for less long.

    It reads where the rows are written: a replica that lags behind would deny results that were announced.
    """
    limit = min(READING_SECONDS, conf().DATABASE_RETRY_SECONDS)
    return writing_to(model, work, seconds=limit if seconds is None else min(seconds, limit))
