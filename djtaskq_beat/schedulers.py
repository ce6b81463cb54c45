"""Beat's scheduler: `celery -A proj beat -S djtaskq`."""

import contextlib
import math
import time
from collections.abc import Mapping
from typing import Any

from celery.utils.log import get_logger
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections, router
from django_celery_beat import schedulers as theirs

from djtaskq.conf import conf
from djtaskq.db.retry import Cause, cause, discard, translated
from djtaskq_beat.declared import Declarer, default_entries
from djtaskq_beat.dispatcher import Dispatcher
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.heartbeat import process_name
from djtaskq_beat.interrupts import held_back
from djtaskq_beat.models import NextRun
from djtaskq_beat.publisher import Publisher

logger = get_logger("celery.beat")
# Where Django is told to keep no connection, beat keeps one this long: it asks several times a second.
_CONNECTION_SECONDS = 60.0
_CONFLICT_SECONDS = 0.1


class TimetableEntry(theirs.ModelEntry):  # type: ignore[misc]  # django-celery-beat has no types
    """One periodic task as Celery's schedulers know it, for those who read `scheduler.schedule`."""

    def _disable(self, model: Any) -> None:  # noqa: ARG002  their signature
        """Leave the row as it is: what is wrong with it is said on its admin page."""
        raise Unschedulable


class DatabaseScheduler(theirs.DatabaseScheduler):  # type: ignore[misc]  # django-celery-beat has no types
    """Claims what is due from the database, publishes it, and records that it did.

    It keeps nothing in memory that has to be saved, so `sync` has nothing to do, and any number of beats
    may run side by side.
    """

    Entry = TimetableEntry

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._dispatcher: Dispatcher | None = None
        self._ticking = False
        self._said = ""
        self._connected_at = 0.0
        self._entries: Mapping[str, Any] | None = None
        self._declarer: Declarer | None = None
        super().__init__(*args, **kwargs)
        self.max_interval = (
            kwargs.get("max_interval") or self.app.conf.beat_max_loop_interval or conf().BEAT_MAX_INTERVAL
        )

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Do what is due; returns the seconds to sleep. Survives whatever the database does."""
        with held_back():
            return self._tick()

    def _tick(self) -> float:
        self._ticking = True
        try:
            with translated(_database()):
                self._refresh_connection()
                self._declare()
                wait = self._engine().step()
        except (DatabaseError, InterfaceError) as error:
            return min(self._report(error), float(self.max_interval))
        except (SystemExit, KeyboardInterrupt):
            # The second signal: it may have left a statement in its middle, from which no driver may go on.
            _reconnect(_database())
            raise
        finally:
            self._ticking = False
        if self._said:
            logger.info("beat: The database is back.")
            self._said = ""
        return min(wait, float(self.max_interval))

    def setup_schedule(self) -> None:
        """Have the settings' entries installed at the first tick, when the database may be away no more."""
        self.install_default_entries({})
        self.update_from_dict(self.app.conf.beat_schedule)

    def install_default_entries(self, data: Any) -> None:  # noqa: ARG002  Celery's signature
        self.update_from_dict(default_entries(self.app))

    def update_from_dict(self, mapping: Mapping[str, Any]) -> None:
        self._entries = {**(self._entries or {}), **mapping}
        self._declarer = None

    @property
    def schedule(self) -> dict[str, TimetableEntry]:
        """Every enabled periodic task by name, read from the database at each call.

        For others to look at, and dear where there are many: beat itself never reads it.
        """
        return self.all_as_schedule()

    def all_as_schedule(self) -> dict[str, TimetableEntry]:
        entries = {}
        for model in self.enabled_models():
            try:
                entries[model.name] = self.Entry(model, app=self.app)
            except (
                Unschedulable,
                ValueError,
                TypeError,
                AttributeError,
                ArithmeticError,
                ImproperlyConfigured,
            ):
                continue  # set aside, and reported where beat plans it
        return entries

    def enabled_models_qs(self) -> Any:
        return self.Model.objects.enabled()

    def schedule_changed(self) -> bool:
        return False

    def sync(self) -> None:
        """Nothing to save: what was done is in the database already."""

    def close(self) -> None:
        """Release the connections; called from a signal handler too, in the middle of anything."""
        if self._ticking:
            return  # Celery calls again once the tick has been left
        super().close()
        dispatcher, self._dispatcher = self._dispatcher, None
        if dispatcher is not None:
            dispatcher.close()
            discard(dispatcher.using)

    def _engine(self) -> Dispatcher:
        # Made at the first tick: in `worker -B` that is in the process that will use it.
        if self._dispatcher is None:
            publisher = Publisher(self.app, self.Producer, seconds=conf().BEAT_PUBLISH_SECONDS)
            self._dispatcher = Dispatcher(publisher, using=_database(), name=process_name())
        return self._dispatcher

    def _declare(self) -> None:
        if self._entries is None:
            return
        if self._declarer is None:
            self._declarer = Declarer(self._entries, app=self.app, using=_database(), name=process_name())
        self._engine().heartbeat.declaration = self._declarer.digest
        self._declarer.look()

    def _refresh_connection(self) -> None:
        connection = connections[_database()]
        if connection.in_atomic_block:
            return
        age = time.monotonic() - self._connected_at
        wanted = connection.settings_dict["CONN_MAX_AGE"] != 0 or age > _CONNECTION_SECONDS
        if wanted or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()
            self._connected_at = time.monotonic()

    def _report(self, error: Exception) -> float:
        """Say it once, not at every tick; returns after how many seconds to try again at the latest."""
        why = cause(error)
        if why is Cause.CONFLICT:
            return _CONFLICT_SECONDS
        discard(_database())
        if str(why or error) != self._said:
            what = why.value if why else "database error"
            logger.error("beat: %s: %s. It is tried again.", what, str(error).strip())
        self._said = str(why or error)
        return math.inf


def _reconnect(using: str) -> None:
    if connections[using].connection is not None:
        discard(using)
        with contextlib.suppress(DatabaseError, InterfaceError):
            connections[using].ensure_connection()


def _database() -> str:
    return router.db_for_write(NextRun)
