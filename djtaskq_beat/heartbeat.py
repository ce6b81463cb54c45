"""A beat reports itself as a row, so that others see which beats are alive and what keeps them."""

import contextlib
import functools
import os
import secrets
import socket
import time
from importlib import metadata

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import QuerySet

from djtaskq.conf import conf
from djtaskq.db.clock import DatabaseNow
from djtaskq.db.text import storable
from djtaskq_beat.models import Beat
from djtaskq_beat.querysets import from_now

SECONDS = 5.0
_MISSED_BEATS = 3
_FORGOTTEN_AFTER = 86_400


def process_name() -> str:
    """This process as it signs its runs, `host:pid-random`; another one after a fork.

    In containers many a process is number 1 of a host that is named like another.
    """
    pid = os.getpid()
    return f"{storable(socket.gethostname(), 200)}:{pid}-{_drawn(pid)}"


class Heartbeat:
    """One beat's row; what it counts is written down every `SECONDS`."""

    def __init__(self, name: str, *, using: str) -> None:
        self.name = name
        self.claimed = 0
        self.published = 0
        self.problem = ""
        self.declaration = ""
        self._using = using
        self._started = time.monotonic()

    def report(self) -> bool:
        """Write the row; one statement, and two more when it is not there yet."""
        if not self._row().update(seen_at=DatabaseNow(), stopped_at=None, **self._said()):
            forget_silent(self._using)
            self._insert()
        return False

    def stop(self) -> None:
        """Say goodbye, so that this beat is known to be gone, and not feared to be.

        A database that is away is not waited for: then the row just goes silent.
        """
        if connections[self._using].connection is not None:
            with contextlib.suppress(DatabaseError, InterfaceError):
                self._row().update(seen_at=DatabaseNow(), stopped_at=DatabaseNow(), **self._said())

    def _row(self) -> QuerySet[Beat]:
        return Beat.objects.using(self._using).filter(pk=self.name)

    def _said(self) -> dict[str, str | int]:
        return {
            "claimed": self.claimed,
            "published": self.published,
            "problem": storable(self.problem, 1000),
            "declaration": self.declaration,
        }

    def _insert(self) -> None:
        beat = Beat(
            name=self.name,
            hostname=storable(socket.gethostname(), 255),
            pid=os.getpid(),
            version=_version(),
            started_at=from_now(-round(time.monotonic() - self._started)),
            seen_at=DatabaseNow(),
            **self._said(),
        )
        Beat.objects.using(self._using).bulk_create([beat], ignore_conflicts=True)


@functools.cache
def _drawn(pid: int) -> str:  # noqa: ARG001  it is the key
    return secrets.token_hex(3)


def _version() -> str:
    try:
        return metadata.version("djtaskq")
    except metadata.PackageNotFoundError:  # its source stands in the path, not installed
        return ""


def alive(using: str) -> QuerySet[Beat]:
    """The beats that are at work, by the database's clock; one that was killed is among them for a while."""
    # A tick may take as long to publish as it is allowed to, and reports itself before or after that.
    silence = SECONDS * _MISSED_BEATS + conf().BEAT_PUBLISH_SECONDS
    beats = Beat.objects.using(using).filter(stopped_at=None)
    return beats.filter(seen_at__gte=from_now(-round(silence))).order_by("started_at")


def forget_silent(using: str) -> int:
    """Remove the rows of beats that have said nothing for a day; returns how many."""
    silent = Beat.objects.using(using).filter(seen_at__lt=from_now(-_FORGOTTEN_AFTER))
    return silent.delete()[0]
