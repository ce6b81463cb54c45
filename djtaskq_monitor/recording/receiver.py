"""Celery's event receiver, made to last: it comes back, keeps time, and lets no message stop it."""

import contextlib
import datetime as dt
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from celery.events.receiver import EventReceiver
from kombu import Connection, Producer
from kombu.exceptions import OperationalError

from djtaskq.conf import conf
from djtaskq_monitor.recording.missed import Missed
from djtaskq_monitor.recording.receipts import Receipts
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.recording.silence import Silence

# The stubs know of less than there is.
_EventReceiver: Any = EventReceiver
_Producer: Any = Producer
logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
# How long a camera that stops takes what is there, and how long a silence is the end of it.
LAST_SECONDS = 2.0
_ARRIVING = 0.1
# How soon what was written is acknowledged, where nothing arrives meanwhile.
_ITERATION = 0.2
_BETWEEN_CHORES = 0.02
# Workers send the events of tasks in lists, no longer than this.
EVENTS_PER_MESSAGE = 24
_PRECONDITION_FAILED = 406
_QUEUE_DECLARE = (50, 10)


def queue_name(host: str) -> str:
    """The queue's own part of its name: one that a camera finds again when it comes back."""
    return f"djtaskq.{conf().MONITOR_QUEUE or host}"


class _Once(_Producer):  # type: ignore[misc]  # see above
    """Publishes once: a broker that is away is for the receiver to notice."""

    def publish(self, *args: Any, **options: Any) -> Any:
        return super().publish(*args, **{**options, "retry": False})


class Receiver(_EventReceiver):  # type: ignore[misc]  # see above
    """Takes events into a recorder, as they were sent, instead of handing them to `handlers`.

    Its queue has a name of its own. Where the broker removes queues that nobody uses (AMQP), it outlives the
    camera and collects what comes until the camera is back; elsewhere it is deleted when the camera stops.

    On AMQP a message is acknowledged once it is in the database (see `receipts`), and the broker hands out no
    more than the recorder has room for. Elsewhere `was_away` is told of the time that a lost connection cost.
    `hurry` is called while half of that room is taken, and `finish` when
    the receiver is told to stop, before it leaves the broker.
    """

    recorder: Recorder
    receipts: Receipts
    missed: Missed
    was_away: Callable[[dt.datetime, dt.datetime], None]
    hurry: Callable[[], None]
    finish: Callable[[], None]
    host: str
    _told_through: tuple[Connection, Any]

    def __init__(self, channel: Any, *args: Any, **kwargs: Any) -> None:
        self._source: Connection = channel
        self._silence = Silence()
        self._stopping = threading.Event()
        self._pause = FIRST_PAUSE
        self._next_chores = 0.0
        self._lost_at: dt.datetime | None = None
        # How many messages AMQP may hand out before any is acknowledged.
        self.window = max(1, self.recorder.limit // EVENTS_PER_MESSAGE)
        # Whether a signal may only ask to stop, since raising an exception could cost an event.
        self.taking = False
        settings = conf()
        options = {
            "node_id": queue_name(self.host),
            "queue_ttl": settings.MONITOR_QUEUE_TTL,
            "queue_expires": settings.MONITOR_QUEUE_EXPIRES,
            "queue_exclusive": False,
            "queue_durable": True,
        }
        # Whether the broker keeps what is not acknowledged, and the queue while nobody takes from it.
        self.keeping = channel.transport.driver_type == "amqp"
        # Whether its messages stay where they are for as long as they are not asked for.
        self._can_wait = channel.transport.driver_type == "filesystem"
        # No channel yet: to open one here would fail, or wait where nobody can stop it, with the broker away.
        super().__init__(None, *args, **{**kwargs, **options})

    @property
    def connection(self) -> Connection:
        return self._source

    def stop(self) -> None:
        """Return from `capture` within a second; from any thread, or a signal's handler."""
        self.should_stop = True
        self._stopping.set()

    def capture(self, limit: int | None = None, timeout: float | None = None, wakeup: bool = True) -> None:  # noqa: FBT001, FBT002  Celery's signature
        """Take events until told to stop, over every loss of the broker."""
        if limit is not None or timeout is not None:
            super().capture(limit=limit, timeout=timeout, wakeup=wakeup)
            return
        failures: tuple[type[BaseException], ...] = (
            *self.connection.connection_errors,
            *self.connection.channel_errors,
            OperationalError,
        )
        while not self.should_stop:
            try:
                self._take_events(wakeup=wakeup)
            except failures as error:
                self._recover(error)
            except ValueError as error:
                # A transport that decodes envelopes itself (files, Redis) found one that it cannot read.
                logger.warning("A message was lost that the transport could not read: %r", error)
                self.recorder.reject("cannot be decoded")

    def _take_events(self, *, wakeup: bool) -> None:
        try:
            for _ in self.consume(limit=None, safety_interval=_ITERATION, wakeup=wakeup):
                self._pause = FIRST_PAUSE
        finally:
            self.taking = False

    def _recover(self, error: BaseException) -> None:
        if not self.keeping and self._lost_at is None:
            self._lost_at = dt.datetime.now(tz=dt.UTC)
        pause = self._pause * random.uniform(0.5, 1)  # noqa: S311  spreads load, keeps no secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        logger.warning("No events for the moment, trying again in %.1f s: %r", pause, error)
        self._stopping.wait(pause)
        refused = getattr(error, "code", None), getattr(error, "method_sig", None)
        if refused == (_PRECONDITION_FAILED, _QUEUE_DECLARE):
            self._remove_outdated_queue()

    def _remove_outdated_queue(self) -> None:
        """The broker holds a queue of this name made with other settings: it takes no others."""
        with contextlib.suppress(*self.connection.connection_errors, *self.connection.channel_errors):
            with self.create_connection() as connection:
                self.queue.bind(connection.default_channel).delete()
            logger.warning("Deleted the queue %s, which was made with other settings", self.queue.name)

    @contextlib.contextmanager
    def establish_connection(self) -> Iterator[Connection]:
        with self.create_connection() as connection:
            # Once for each broker that the URL names: the pauses in between are ours, and can be ended.
            connection.ensure_connection(self._connection_failed, max_retries=max(1, len(connection.alt)))
            yield connection

    def _connection_failed(self, error: BaseException, _interval: float) -> None:
        logger.debug("The broker cannot be reached: %r", error)

    def get_consumers(self, Consumer: Any, channel: Any) -> list[Any]:  # noqa: N803, ARG002  Celery's signature
        self.receipts.begin()
        acknowledging = {"no_ack": False, "prefetch_count": self.window} if self.keeping else {"no_ack": True}
        return [Consumer(queues=[self.queue], callbacks=[self._receive], accept=self.accept, **acknowledging)]

    @contextlib.contextmanager
    def extra_context(self, connection: Connection, channel: Any) -> Iterator[None]:
        try:
            yield
            self._take_the_rest(connection)
            if self.keeping:
                self.finish()
                self._acknowledge(channel)
        except (KeyboardInterrupt, SystemExit):
            self.should_stop = True
            raise
        finally:
            if self.should_stop and not self.keeping:
                with contextlib.suppress(*connection.connection_errors, *connection.channel_errors):
                    channel.queue_delete(self.queue.name)

    def _take_the_rest(self, connection: Connection) -> None:
        """What has arrived already, or is just arriving: nobody will ask for it again."""
        deadline = time.monotonic() + LAST_SECONDS
        with contextlib.suppress(TimeoutError):
            while time.monotonic() < deadline:
                connection.drain_events(timeout=_ARRIVING)

    def on_consume_ready(
        self,
        connection: Connection,
        channel: Any,
        consumers: Any,  # noqa: ARG002  Celery's signature
        wakeup: bool = True,  # noqa: FBT001, FBT002
        **_kwargs: Any,
    ) -> None:
        if wakeup:
            self._tell_workers("heartbeat", connection, channel)
            if conf().MONITOR_ENABLE_EVENTS:
                self._tell_workers("enable_events", connection, channel)
        self._told_through = connection, channel
        if self._lost_at is not None:
            self.was_away(self._lost_at, dt.datetime.now(tz=dt.UTC))
            self._lost_at = None
        self.taking = True

    def on_iteration(self) -> None:
        """Comes with each message; what there is to do besides can wait for a moment."""
        if self._can_wait:
            self._wait_for_room()
        now = time.monotonic()
        if now < self._next_chores:
            return
        self._next_chores = now + _BETWEEN_CHORES
        connection, channel = self._told_through
        hostnames = self._silence.to_be_told()
        if hostnames and conf().MONITOR_ENABLE_EVENTS:
            self.taking = False
            self._tell_workers("enable_events", connection, channel, hostnames)
        self.taking = True
        if self.keeping:
            self._acknowledge(channel)
            # Celery's loop does so in a pause only, and a busy stream has none: we would be taken for dead.
            connection.heartbeat_check()
        if self.receipts.open > self.window // 2 or self.recorder.tasks_waiting > self.recorder.limit // 2:
            self.hurry()

    def _acknowledge(self, channel: Any) -> None:
        tag = self.receipts.to_acknowledge()
        if tag is not None:
            channel.basic_ack(tag, multiple=True)

    def _wait_for_room(self) -> None:
        """Leave the files where they are: nothing else holds them back."""
        while self.recorder.room < EVENTS_PER_MESSAGE and not self.should_stop:
            self.hurry()
            self._stopping.wait(_ITERATION)

    def _tell_workers(
        self, command: str, connection: Connection, channel: Any, hostnames: list[str] | None = None
    ) -> None:
        """Have workers do what a remote control command says; all of them, if none are named."""
        # Celery's own broadcast would try again in silence, for ever, while nobody takes events.
        self.app.control.mailbox(connection)._publish(  # noqa: SLF001  it alone takes a producer
            command,
            {},
            destination=hostnames,
            channel=channel,
            producer=_Once(channel, auto_declare=False),
        )

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        logger.debug("A message of type %r holds no event: %r", message.content_type, exc)
        self.recorder.reject("cannot be decoded")
        self._note(message)

    def _receive(self, body: Any, message: Any) -> None:
        for event in body if isinstance(body, list) else (body,):
            self.recorder.take(event)
            self._silence.notice(event)
            self.missed.notice(event)
        self._note(message)

    def _note(self, message: Any) -> None:
        # Elsewhere delivery tags are no numbers, and nothing is acknowledged.
        if self.keeping and message is not None:
            self.receipts.note(message.delivery_tag)
