"""`beat_schedule` as each beat declares it at its start; written only where something changed."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery, schedules
from celery.backends.base import Backend
from celery.utils.log import get_logger
from django.db import DataError, IntegrityError
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.declaring.entries import WRONG, Wanted, digest_of, wanted
from djtaskq_beat.declaring.installed import Installed, installed, undeclared
from djtaskq_beat.declaring.installing import install, remove
from djtaskq_beat.declaring.standing import Standing, become_current, declaring, standing

logger = get_logger("celery.beat")
CLEANUP = "celery.backend_cleanup"
LOOK_SECONDS = 30.0
# While somebody holds what is to be changed.
_BUSY_SECONDS = 1.0
# However much a release changes, other work gets its turn after this many rows.
MOST = 50
_SECRETS = frozenset({"args", "kwargs", "headers"})


def default_entries(app: Celery) -> dict[str, Any]:
    """Celery's own entries: the clean-up of results, where the backend keeps them until somebody does it."""
    backend = app.backend
    does_nothing = getattr(backend.cleanup, "__func__", None) is Backend.cleanup
    if not app.conf.result_expires or backend.supports_autoexpire or does_nothing:
        return {}
    return {
        CLEANUP: {
            "task": CLEANUP,
            "schedule": schedules.crontab("0", "4", "*"),
            "options": {"expire_seconds": 12 * 3600},
        }
    }


class Declarer:
    """One beat's `beat_schedule`: has the rows say it, unless another release's is in force."""

    def __init__(self, entries: Mapping[str, Any], *, app: Celery, using: str, name: str) -> None:
        self._entries = _wanted(entries, app)
        self.digest = digest_of(self._entries)
        self._using = using
        self._name = name
        self._started: Any = None
        self._look_at = 0.0
        self._says_so = False
        self._said: set[str] = set()

    def look(self) -> bool:
        """Do what is to be done now, at most 50 rows of it; returns whether nothing is left to do.

        To be called at every tick: between two looks it asks nothing of the database. Three statements for
        rows that say what they are to, however many; one every 30 seconds from then on. Raises database
        errors, and is to be called again then.
        """
        if time.monotonic() < self._look_at:
            return self._says_so
        pause = self._look()
        self._look_at = time.monotonic() + pause
        return pause == LOOK_SECONDS

    def _look(self) -> float:
        found = standing(self.digest, self._using)
        self._started = self._started or found.now
        if not found.may_declare(self._started):
            self._stand_back(found)
            return LOOK_SECONDS
        if found.is_current and (self._says_so or self._rows_say_so()):
            self._says_so = True
            return LOOK_SECONDS
        return self._declare()

    def _stand_back(self, found: Standing) -> None:
        self._says_so = False
        if found.current and self._once(f"current {found.current.digest}"):
            logger.warning(
                "beat: The beat_schedule of another release is in force, declared by %s at %s. This one's "
                "takes its place once no beat of that release runs.",
                found.current.declared_by,
                found.current.declared_at.isoformat(timespec="seconds"),
            )

    def _declare(self) -> float:
        with declaring(self._using) as alone:
            if not alone:
                return _BUSY_SECONDS
            found = standing(self.digest, self._using)
            if not found.may_declare(self._started):
                return 0
            if not found.is_current:
                become_current(found, self._name, self._using)
            rows = installed(self._names(), self._using)
            todo = self._unsettled(rows)
            busy = self._install(todo[:MOST], rows)
            removed = remove(self._names(), MOST, self._using)
        for name in removed.names:
            logger.warning("beat: %s is disabled, since beat_schedule has it no more", name)
        if busy or removed.busy:
            return _BUSY_SECONDS
        self._says_so = not removed.more and len(todo) <= MOST
        return LOOK_SECONDS if self._says_so else 0

    def _install(self, entries: Sequence[Wanted], rows: Mapping[str, Installed]) -> bool:
        """Install `entries`; returns whether some of them could not be now."""
        busy = False
        for entry in entries:
            try:
                busy |= not install(entry, rows.get(entry.name), self._using)
            except (*WRONG, DataError, IntegrityError) as error:
                if entry.name not in rows and self._exists(entry.name):
                    busy = True  # somebody made it just now
                    continue
                _complain(entry.name, error)
                self._entries[entry.name] = None
        return busy

    def _rows_say_so(self) -> bool:
        names = self._names()
        rows = installed(names, self._using)
        return not self._unsettled(rows) and not undeclared(names, self._using).exists()

    def _unsettled(self, rows: Mapping[str, Installed]) -> list[Wanted]:
        """The entries whose rows are missing or say something else."""
        found = []
        for entry in self._entries.values():
            if entry is None:
                continue
            row = rows.get(entry.name)
            if row is None or not row.is_settled(entry):
                found.append(entry)
            elif row.keeps_edits and self._once(f"kept {entry.name}"):
                _say_what_is_kept(entry, row)
        return found

    def _names(self) -> list[str]:
        # An entry that is wrong is declared all the same: its row stays as it is.
        return list(self._entries)

    def _exists(self, name: str) -> bool:
        tasks = PeriodicTask._default_manager.using(self._using).filter(name=name)
        # Not every database tells upper case from lower case.
        return name in tasks.values_list("name", flat=True)

    def _once(self, what: str) -> bool:
        said = what in self._said
        self._said.add(what)
        return not said


def _wanted(entries: Mapping[str, Any], app: Celery) -> dict[str, Wanted | None]:
    """What the entries say; those that are wrong are logged, and None."""
    found: dict[str, Wanted | None] = {}
    for key, entry in entries.items():
        name = str(key)
        try:
            found[name] = read = wanted(name, entry, app)
        except WRONG as error:
            _complain(name, error)
            found[name] = None
            continue
        if read.lost:
            lost = ", ".join(read.lost)
            logger.warning("beat: %s is sent without its options %s: set them on the task itself", name, lost)
    return found


def _complain(name: str, error: Exception) -> None:
    why = f"it has no {error}" if isinstance(error, KeyError) else error
    logger.error("beat: the entry %s of beat_schedule cannot be installed: %s", name, why)


def _say_what_is_kept(entry: Wanted, row: Installed) -> None:
    differences = row.differences(entry)
    if differences:
        listed = "; ".join(_difference(column, *pair) for column, pair in sorted(differences.items()))
        logger.info("beat: %s keeps its edits, though beat_schedule says otherwise: %s", entry.name, listed)


def _difference(column: str, stored: Any, declared: Any) -> str:
    # What a task is called with may be a secret.
    return f"other {column}" if column in _SECRETS else f"{column} is {stored!r}, not {declared!r}"
