"""Asking workers, by name and within a bound; what each of them said, and who said nothing.

Celery's own `inspect` cannot tell a worker that is silent from one that is not there, waits its whole timeout
once for each answer, and takes an answer that comes late for one to the next question. Here each question
has a reply queue of its own, which is gone afterwards.
"""

import dataclasses
import enum
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu import Consumer, Producer, Queue
from kombu.common import ignore_errors
from kombu.exceptions import KombuError, OperationalError

from djtaskq.conf import conf
from djtaskq.errors import DjtaskqError

# How long to reach the broker, in seconds.
CONNECTING = 3.0
# All have answered: how much longer to listen for a second one of the same name, in seconds.
TWINS = 0.03
# A Redis older than version 6 knows whole seconds alone.
POLLING = 0.02
AWAY = (OperationalError, KombuError, OSError)


class ControlError(DjtaskqError):
    """Workers cannot be asked."""


class BrokerAway(ControlError):
    """The broker cannot be reached: {reason}"""


class NoRemoteControl(ControlError):
    """Workers cannot be reached through this broker: {transport} has no broadcast."""


class Kind(enum.StrEnum):
    """What came of a question to one worker; UNANSWERED is what no worker answers, a shutdown."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"
    UNANSWERED = "unanswered"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one worker said.

    `value` is its reply (of a control command what stood under `ok`), or why it refused. `twins` is how many
    more workers answered to the same name: which of them this is, nobody knows.
    """

    worker: str
    kind: Kind
    value: Any = None
    twins: int = 0

    @property
    def text(self) -> str:
        """The answer as one line for people; empty where there is none."""
        return "" if self.value is None else str(self.value)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A command by the name that workers know it by, with its arguments by name."""

    method: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def ask(
    app: Celery,
    questions: Question | Sequence[Question],
    workers: Sequence[str],
    *,
    seconds: float | None = None,
    everybody: bool = False,
    replies: bool = True,
) -> list[list[Answer]]:
    """What each of `workers` answered to each question, in their order; raises a `ControlError`.

    It takes no longer than `seconds` (`DJTASKQ["MONITOR_CONTROL_SECONDS"]`) after the broker was reached.
    With `everybody` workers that nobody named get the questions too, and their answers follow. Without
    `replies` nobody is waited for.
    """
    asked = [questions] if isinstance(questions, Question) else list(questions)
    names = list(dict.fromkeys(workers))
    if not names and not everybody:
        return [[] for _question in asked]
    bound = conf().MONITOR_CONTROL_SECONDS if seconds is None else seconds
    tickets = [uuid.uuid4().hex for _question in asked]
    with _connected(app) as connection:
        destination = None if everybody else names
        if not replies:
            for question in asked:
                _publish(app, connection, question, destination)
            return [[Answer(worker=name, kind=Kind.UNANSWERED) for name in names] for _question in asked]
        heard = _Heard(tickets, names)
        with _listening(app, connection, heard) as reply_to:
            deadline = time.monotonic() + bound
            for question, ticket in zip(asked, tickets, strict=True):
                back = {"ticket": ticket, "reply_to": reply_to}
                _publish(app, connection, question, destination, back, bound)
            _wait(connection, heard, deadline)
    return [heard.answers(ticket) for ticket in tickets]


def ask_one(app: Celery, question: Question, worker: str, *, seconds: float | None = None) -> Answer:
    """What this worker answered."""
    return ask(app, question, [worker], seconds=seconds)[0][0]


class _Heard:
    """The replies so far, by ticket and worker."""

    def __init__(self, tickets: Sequence[str], names: Sequence[str]) -> None:
        self._replies: dict[str, dict[str, list[Any]]] = {ticket: {} for ticket in tickets}
        self._names = names

    def take(self, body: Any, message: Any) -> None:
        of_ticket = self._replies.get(message.headers.get("ticket"))
        if of_ticket is None or not isinstance(body, Mapping):
            return
        for worker, reply in body.items():
            of_ticket.setdefault(str(worker), []).append(reply)

    @property
    def complete(self) -> bool:
        """Whether nobody is left to be waited for; never where nobody knows who there is."""
        return bool(self._names) and all(
            name in replies for replies in self._replies.values() for name in self._names
        )

    def answers(self, ticket: str) -> list[Answer]:
        replies = self._replies[ticket]
        others = sorted(replies.keys() - set(self._names))
        return [_answer(name, replies.get(name, [])) for name in (*self._names, *others)]


def _answer(worker: str, replies: Sequence[Any]) -> Answer:
    if not replies:
        return Answer(worker=worker, kind=Kind.SILENT)
    reply, twins = replies[0], len(replies) - 1
    if isinstance(reply, Mapping) and len(reply) == 1:
        if "error" in reply:
            return Answer(worker=worker, kind=Kind.REFUSED, value=reply["error"], twins=twins)
        if "ok" in reply:
            return Answer(worker=worker, kind=Kind.ANSWERED, value=reply["ok"], twins=twins)
    return Answer(worker=worker, kind=Kind.ANSWERED, value=reply, twins=twins)


@contextmanager
def _connected(app: Celery) -> Iterator[Any]:
    """A connection of one's own: those of Celery's pool may wait for a broker for ever."""
    connection: Any = app.connection_for_write(heartbeat=0)
    connection.connect_timeout = CONNECTING
    # A copy of the app's own, made with the connection.
    connection.transport_options.update(_options(connection.get_transport_cls()))
    try:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=CONNECTING)
            if not connection.supports_exchange_type("fanout"):
                raise NoRemoteControl(transport=connection.transport.driver_type)
            yield connection
        except (*AWAY, *connection.connection_errors, *connection.channel_errors) as error:
            raise BrokerAway(reason=f"{error}" or type(error).__name__) from error
    finally:
        ignore_errors(connection, connection.release)


def _options(transport: Any) -> dict[str, float]:
    """Bounds for a broker that hangs, and quick looks for answers where those are polled for."""
    if transport.driver_type == "amqp":
        return {"read_timeout": CONNECTING, "write_timeout": CONNECTING}
    polled = {"polling_interval": POLLING}
    if transport.driver_type == "redis":
        polled |= {"socket_connect_timeout": CONNECTING, "socket_timeout": CONNECTING}
    return polled


@contextmanager
def _listening(app: Any, connection: Any, heard: _Heard) -> Iterator[Mapping[str, str]]:
    mailbox = app.control.mailbox
    name = f"{uuid.uuid4().hex}.{mailbox.reply_exchange.name}"
    channel = connection.channel()
    queue: Any = Queue(
        name,
        exchange=mailbox.reply_exchange,
        routing_key=name,
        durable=False,
        exclusive=True,
        auto_delete=True,
        expires=mailbox.reply_queue_expires,
    )(channel)
    consumer = Consumer(
        channel, [queue], callbacks=[heard.take], no_ack=True, accept=mailbox.accept, on_decode_error=_unread
    )
    try:
        consumer.consume()
        yield {"exchange": mailbox.reply_exchange.name, "routing_key": name}
    finally:
        ignore_errors(connection, consumer.cancel)
        # Redis and files keep what is bound until somebody takes it away.
        ignore_errors(connection, queue.delete)
        ignore_errors(connection, channel.close)


def _unread(_message: Any, _error: Exception) -> None:
    """A reply that cannot be read is none: its worker counts as silent."""


def _publish(
    app: Any,
    connection: Any,
    question: Question,
    destination: Sequence[str] | None,
    back: Mapping[str, Any] | None = None,
    seconds: float = 0,
) -> None:
    """A message as `kombu.pidbox` writes it; `back` is where the answer goes."""
    mailbox = app.control.mailbox
    body = {
        "method": question.method,
        "arguments": dict(question.arguments),
        "destination": destination,
        "pattern": None,
        "matcher": None,
        **(back or {}),
    }
    producer = Producer(connection.default_channel, auto_declare=False)
    producer.publish(
        body,
        exchange=mailbox.exchange.name,
        declare=[mailbox.exchange],
        headers={"clock": app.clock.forward(), "expires": time.time() + seconds if seconds else 0},
        serializer=mailbox.serializer,
        retry=False,
    )


def _wait(connection: Any, heard: _Heard, deadline: float) -> None:
    complete = False
    while (left := deadline - time.monotonic()) > 0:
        if heard.complete and not complete:
            complete = True
            deadline = min(deadline, time.monotonic() + TWINS)
            continue
        try:
            connection.drain_events(timeout=left)
        except TimeoutError:
            return
