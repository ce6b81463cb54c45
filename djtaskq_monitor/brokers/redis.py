"""Redis, by itself or behind sentinels: a list for each priority of a queue, a hash of what workers hold."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import redis

from djtaskq_monitor.brokers.broker import ANSWER_SECONDS, CONNECT_SECONDS, Broker
from djtaskq_monitor.brokers.figures import Figures, failed
from djtaskq_monitor.brokers.messages import Waiting, decoded

# What workers hold is read as far as this: beyond it, how many of which queue is not known.
MOST_UNACKED = 1_000
_MOST_BYTES = 4_000_000
_AT_ONCE = 20
_MOST_EXCHANGES = 50

# An exchange and a routing key.
Route = tuple[str, str]


class RedisBroker(Broker):
    """Keys are as the transport's options say: `priority_steps`, `sep`, `global_keyprefix`, `unacked_key`."""

    bounds: ClassVar[Mapping[str, Any]] = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
    }

    @property
    def _client(self) -> Any:
        """On the transport's own pool, so that sentinels are asked; it prefixes no keys of some commands."""
        return redis.Redis(connection_pool=self.channel.pool)

    def _all_figures(self, names: Collection[str]) -> dict[str, Figures]:
        keys = {name: list(self._keys(name)) for name in names}
        pipe = self._client.pipeline(transaction=False)
        for key in (key for each in keys.values() for key in each):
            pipe.llen(key).lindex(key, -1)
        answers = iter(pipe.execute(raise_on_error=False))
        held = self._unacked()
        return {
            name: _figures(
                [next(answers) for _ in range(2 * len(each))], None if held is None else held[name]
            )
            for name, each in keys.items()
        }

    def _figures(self, name: str) -> Figures:
        return self._all_figures([name])[name]

    def _peek(self, name: str, most: int) -> list[Waiting]:
        found: list[Waiting] = []
        size = 0
        for key in self._keys(name):
            for message in self._from_the_head(key, most - len(found)):
                found.append(decoded(message))
                size += len(message)
                if size > _MOST_BYTES:
                    return found
        return found

    def _from_the_head(self, key: str, most: int) -> Iterator[bytes]:
        """One by one: nobody knows how long they are."""
        client = self._client
        for number in range(most):
            message = client.lindex(key, -1 - number)
            if message is None:
                return
            yield message

    def _keys(self, name: str) -> Iterator[str]:
        """The lists of a queue, the one that workers take from first before the others."""
        channel = self.channel
        for step in channel.priority_steps:
            yield f"{channel.global_keyprefix}{channel._q_for_pri(name, step)}"  # noqa: SLF001  kombu's

    def _unacked(self) -> Counter[str] | None:
        """How many messages of each queue workers hold; None where they are too many to be read."""
        client, key = self._client, f"{self.channel.global_keyprefix}{self.channel.unacked_key}"
        if client.hlen(key) > MOST_UNACKED:
            return None
        # By their tags: a scan may come upon an entry twice.
        routes: dict[bytes, Route | None] = {}
        cursor, size = 0, 0
        while True:
            cursor, entries = client.hscan(key, cursor, count=_AT_ONCE)
            routes |= {tag: _route(value) for tag, value in entries.items()}
            size += sum(map(len, entries.values()))
            if not cursor:
                return self._by_queue(Counter(route for route in routes.values() if route))
            if size > _MOST_BYTES:
                return None

    def _by_queue(self, routes: Mapping[Route, int]) -> Counter[str] | None:
        """By the bindings that the broker holds; the default exchange has none."""
        exchanges = {exchange for exchange, _key in routes if exchange}
        if len(exchanges) > _MOST_EXCHANGES:
            return None
        tables = {exchange: self.channel.get_table(exchange) for exchange in exchanges}
        queues: Counter[str] = Counter()
        for (exchange, routing_key), number in routes.items():
            for queue in _bound(tables.get(exchange), routing_key):
                queues[queue] += number
        return queues


def _figures(answers: list[Any], unacked: int | None) -> Figures:
    """Of lengths and heads by turns, of the lists in the order in which workers take from them."""
    for answer in answers:
        if isinstance(answer, Exception):
            return failed(answer)
    heads = [decoded(head) for head in answers[1::2] if head]
    return Figures(
        length=sum(answers[::2]),
        unacked=unacked,
        oldest=min((head.sent for head in heads if head.sent), default=None),
        heads=tuple(head.task_id for head in heads if head.task_id),
    )


def _route(entry: bytes) -> Route | None:
    """Of what the transport keeps for a message that is held: the message, its exchange, its routing key."""
    try:
        _message, exchange, routing_key = json.loads(entry)
    except (ValueError, TypeError, RecursionError):
        return None
    return str(exchange or ""), str(routing_key or "")


def _bound(table: Iterable[tuple[str, ...]] | None, routing_key: str) -> set[str]:
    """The queues that get messages with a routing key; `table` has keys, patterns and queues."""
    if table is None:
        return {routing_key}
    found = set()
    for bound_key, pattern, queue in table:
        if bound_key == routing_key or (pattern and _matches(pattern, routing_key)):
            found.add(queue)
    return found


def _matches(pattern: str, routing_key: str) -> bool:
    try:
        return re.match(pattern, routing_key) is not None
    except re.error:
        return False
