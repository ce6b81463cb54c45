"""Messages to the broker, over one producer, a window at a time, within a budget of time."""

import dataclasses
import datetime as dt
import functools
import math
import time
from collections.abc import Sequence
from typing import Any

from celery import Celery
from celery.utils.log import get_logger
from celery.utils.saferepr import saferepr
from kombu import exceptions
from kombu.common import ignore_errors
from kombu.utils.json import loads

from djtaskq_beat.afterwards import Refusal
from djtaskq_beat.models import TaskRun
from djtaskq_beat.slots import SLOT_HEADER
from djtaskq_beat.store import Run
from djtaskq_beat.windows import OneByOne, Window, window_for

logger = get_logger("celery.beat")
LONGEST_PAUSE = 5.0
OperationalError = exceptions.OperationalError
# Of a batch that broke off; kombu has it since 5.7.
_BatchError: type[BaseException] = getattr(exceptions, "BatchPublishError", OperationalError)


@dataclasses.dataclass(slots=True)
class Outcome:
    """Where the runs of a batch stand; true at any moment, since a signal may end the work at any moment."""

    waiting: list[Run]
    published: list[Run] = dataclasses.field(default_factory=list)
    unsendable: list[Run] = dataclasses.field(default_factory=list)
    refused: list[Refusal] = dataclasses.field(default_factory=list)


class Publisher:
    """One connection and one producer, made when first needed and made anew after an error."""

    def __init__(self, app: Celery, producer_class: Any = None, *, seconds: float = 5.0) -> None:
        self._app = app
        self._producer_class = producer_class
        self._seconds = seconds
        self._connection: Any = None
        self._producer: Any = None
        self._window: Window = OneByOne()
        self._levels = 3
        self._away = False
        self._pause = 0.0
        self._not_before = 0.0

    def reachable(self) -> bool:
        """Connect if need be; False where the broker cannot be reached, which is said once."""
        if self._producer is not None:
            return True
        if time.monotonic() < self._not_before:
            return False
        try:
            self._connect()
        except OperationalError as error:
            self._fail(error)
            return False
        if self._away:
            logger.info("beat: The broker is back.")
        self._away, self._pause = False, 0.0
        return True

    def publish(self, outcome: Outcome, now: dt.datetime, *, until: float = math.inf) -> None:
        """Send what waits, in order, until it is all sent, the broker is lost or the time is spent.

        `now` is the database's time: what has expired, and when, is not left to this host's clock. Nothing
        more is sent after `until`, of the monotonic clock: another beat may have taken it over.

        A run that only its own message prevents is refused, one that the broker chokes on is left for
        later; their neighbours go out.
        """
        deadline = min(time.monotonic() + self._seconds, until)
        one_by_one = 0
        while outcome.waiting and time.monotonic() < deadline and self.reachable():
            runs = outcome.waiting[: 1 if one_by_one else self._window.size]
            one_by_one = max(one_by_one - 1, 0)
            if self._sent(runs, outcome, now):
                del outcome.waiting[: len(runs)]
            elif len(runs) > 1:
                one_by_one = len(runs)
            elif self.reachable():
                outcome.unsendable.append(outcome.waiting.pop(0))

    def revoke(self, task_ids: Sequence[str]) -> None:
        """Have workers stop these tasks, or not begin them; where the broker is away, they go on."""
        if not task_ids or not self.reachable():
            return
        try:
            self._app.control.revoke(list(task_ids), terminate=True, connection=self._connection)
        except self._connection_errors() as error:
            self._fail(error, pause=False)

    def send(self, task: str, args: Sequence[Any]) -> bool:
        """Send a task of our own; False where the broker is away."""
        if not self.reachable():
            return False
        try:
            self._app.send_task(task, args, connection=self._connection, retry=False)
        except self._connection_errors() as error:
            self._fail(error, pause=False)
            return False
        except Exception:
            logger.exception("beat: %s could not be sent", task)
        return True

    def problem(self) -> str:
        """Why nothing goes out; empty if it does. A broker that was away is looked for."""
        return "The broker cannot be reached." if self._away and not self.reachable() else ""

    def close(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            ignore_errors(connection, connection.release)

    def _sent(self, runs: Sequence[Run], outcome: Outcome, now: dt.datetime) -> bool:
        """Whether the runs are done with; a connection that broke while idle is made anew once."""
        for _ in range(2):
            if not self.reachable():
                return False
            published: list[Run] = []
            refused: list[Refusal] = []
            try:
                with self._window.open():
                    for run in runs:
                        refusal = self._refused(run, now)
                        if refusal is None:
                            published.append(run)
                        else:
                            refused.append(refusal)
            except self._connection_errors() as error:
                self._fail(error, pause=False)
                continue
            outcome.published += published
            outcome.refused += refused
            return True
        return False

    def _refused(self, run: Run, now: dt.datetime) -> Refusal | None:
        """Send one run; why not, where only its own message prevents it. Raises connection errors."""
        expires = run.message.expires_at(now)
        if expires is not None and expires <= now:
            return _refusal(run, f"its message had expired at {expires.isoformat()}")
        try:
            self._send(run, expires, now)
        except self._connection_errors():
            raise
        except Exception as error:
            logger.exception("beat: %s could not be sent", run.record.name)
            return _refusal(run, f"{type(error).__name__}: {error}")
        return None

    def _send(self, run: Run, expires: dt.datetime | None, now: dt.datetime) -> None:
        message, record = run.message, run.record
        logger.info("Scheduler: Sending due task %s (%s)", record.name, message.task)
        task = self._app.tasks.get(message.task)
        # A copy each: Celery writes into the headers that it is given.
        headers = {**message.options["headers"], SLOT_HEADER: record.slot.isoformat()}
        if expires is not None:
            # Celery would add the seconds to this host's clock, and the worker compare with its own.
            headers["expires"] = expires.isoformat()
        options = {
            **message.options,
            "headers": headers,
            "task_id": str(record.task_id),
            "argsrepr": self._shown(message.args_text, list if task is None else tuple),
            "kwargsrepr": self._shown(message.kwargs_text, dict),
            "expires": None if expires is None else (expires - now).total_seconds(),
            "retry": False,
            "add_to_parent": False,
            "producer": self._producer,
        }
        if task is not None:
            task.apply_async(tuple(message.args), message.kwargs, **options)
        else:
            self._app.send_task(message.task, message.args, message.kwargs, **options)

    def _shown(self, text: str, kind: type) -> str:
        return _shown(text, kind, self._app.amqp.argsrepr_maxsize, self._levels)

    def _connect(self) -> None:
        self._connection = self._app.connection_for_write(connect_timeout=self._seconds)
        self._connection.ensure_connection(max_retries=1, interval_start=0, timeout=self._seconds)
        producer_class: Any = self._producer_class or self._app.amqp.Producer
        self._producer = _declaring_once(producer_class)(self._connection, auto_declare=False)
        self._window = window_for(self._connection, self._producer, self._seconds)
        # A setting since Celery 5.7, and a constant before.
        self._levels = self._app.conf.get("task_repr_maxlevels", 3)

    def _connection_errors(self) -> tuple[type[BaseException], ...]:
        return (
            OperationalError,
            _BatchError,
            OSError,
            *self._connection.connection_errors,
            *self._connection.channel_errors,
        )

    def _fail(self, error: BaseException, *, pause: bool = True) -> None:
        self.close()
        if not self._away:
            logger.error("beat: The broker cannot be reached: %s. Nothing is lost, it is tried again.", error)
        self._away = True
        if pause:
            self._pause = min(max(0.5, self._pause * 2), LONGEST_PAUSE)
            self._not_before = time.monotonic() + self._pause


@functools.cache
def _declaring_once(producer_class: Any) -> Any:
    """Kombu knows by its hash what a connection has declared: a queue's takes as long as half a message."""

    class Producer(producer_class):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._declared: dict[int, Any] = {}
            super().__init__(*args, **kwargs)

        def maybe_declare(self, entity: Any, *args: Any, **kwargs: Any) -> Any:
            if self._declared.get(id(entity)) is not entity:
                super().maybe_declare(entity, *args, **kwargs)
                if entity.can_cache_declaration:
                    self._declared[id(entity)] = entity

    return Producer


@functools.lru_cache(maxsize=1024)
def _shown(text: str, kind: type, most: int, levels: int) -> str:
    """How events show the arguments, as Celery would write it: of rows with the same text, made once."""
    return str(saferepr(kind(loads(text)), most, maxlevels=levels))


def _refusal(run: Run, reason: str) -> Refusal:
    return Refusal(run.record, TaskRun.State.SKIPPED, reason)


def outcome_of(runs: Sequence[Run]) -> Outcome:
    return Outcome(waiting=list(runs))
