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
# One message may be at fault itself; of two, one after the other and none between them, it is the broker.
_CHOKED = 2
OperationalError = exceptions.OperationalError
# Of a batch that broke off; kombu has it since 5.7.
_BatchError: type[BaseException] = getattr(exceptions, "BatchPublishError", OperationalError)


@dataclasses.dataclass(slots=True, eq=False)
class Outcome:
    """Where the runs of a batch stand; true at any moment, since a signal may end the work at any moment.

    After `until`, of the monotonic clock, nothing more is sent: another beat may have taken it over.
    `under_way` was sent through `window`, and the broker has not said yet that it has it. The runs that wait
    go out one by one until no more than `crowd` are left, if a window of them broke; `broke` is how often in
    a row one did.
    """

    waiting: list[Run]
    until: float = math.inf
    under_way: list[Run] = dataclasses.field(default_factory=list)
    published: list[Run] = dataclasses.field(default_factory=list)
    unsendable: list[Run] = dataclasses.field(default_factory=list)
    refused: list[Refusal] = dataclasses.field(default_factory=list)
    window: Window | None = None
    crowd: float = math.inf
    broke: int = 0


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
        self._said = ""
        self._choked = 0
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

    def publish(self, outcome: Outcome, now: dt.datetime, *, wait: bool = True) -> None:
        """Send what waits, in order, until it is all sent, the broker is lost or the time is spent.

        `now` is the database's time: what has expired, and when, is not left to this host's clock. Without
        `wait` the last window may be left under way; to publish the same outcome again waits for it.

        A run that only its own message prevents is refused, one that the broker chokes on is left for
        later; their neighbours go out.
        """
        deadline = min(time.monotonic() + self._seconds, outcome.until)
        while outcome.under_way or outcome.waiting:
            if outcome.under_way and (wait or outcome.waiting or not self._window.answers_later):
                self._confirm(outcome)
            elif outcome.under_way or time.monotonic() >= deadline or not self.reachable():
                return
            else:
                self._send_window(outcome, now)

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
        if self._away and not self.reachable():
            return f"The broker cannot be reached: {self._said}"
        if self._choked >= _CHOKED:
            return f"The broker can be reached, but takes no message: {self._said}"
        return ""

    def close(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        self._window = OneByOne()
        if connection is not None:
            ignore_errors(connection, connection.release)

    def _send_window(self, outcome: Outcome, now: dt.datetime) -> None:
        alone = len(outcome.waiting) > outcome.crowd
        runs = outcome.waiting[: 1 if alone else self._window.size]
        sent: list[Run] = []
        refused: list[Refusal] = []
        try:
            with self._window.open():
                for run in runs:
                    refusal = self._refused(run, now)
                    if refusal is None:
                        sent.append(run)
                    else:
                        refused.append(refusal)
        except self._connection_errors() as error:
            self._broke(outcome, len(runs), error)
            return
        del outcome.waiting[: len(runs)]
        outcome.refused += refused
        outcome.under_way, outcome.window = sent, self._window

    def _confirm(self, outcome: Outcome) -> None:
        """Wait for the broker's word on what is under way; without it, that waits to be sent again."""
        runs, outcome.under_way = outcome.under_way, []
        try:
            if outcome.window is not self._window:
                raise OperationalError("the connection was lost before the broker had answered")
            self._window.confirm()
        except self._connection_errors() as error:
            outcome.waiting[:0] = runs
            self._broke(outcome, len(runs), error)
        else:
            outcome.published += runs
            outcome.broke = 0
            self._choked = 0 if runs else self._choked

    def _broke(self, outcome: Outcome, count: int, error: BaseException) -> None:
        """The first time it may be a connection that broke while idle; then it is one run, or the broker."""
        self._fail(error, pause=False)
        outcome.broke += 1
        if outcome.broke == 1:
            return
        outcome.broke = 0
        if count > 1:
            outcome.crowd = len(outcome.waiting) - count
        elif self.reachable():
            outcome.unsendable.append(outcome.waiting.pop(0))
            self._choked += 1

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
            *getattr(self._connection, "connection_errors", ()),
            *getattr(self._connection, "channel_errors", ()),
        )

    def _fail(self, error: BaseException, *, pause: bool = True) -> None:
        self.close()
        if not self._away:
            logger.error("beat: The broker cannot be reached: %s. Nothing is lost, it is tried again.", error)
        self._away = True
        self._said = str(error)
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
