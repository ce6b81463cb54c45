"""RabbitMQ by its management API, where a setting says where that is."""

import base64
import binascii
import dataclasses
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from kombu import Connection

from djtaskq.opening import opener
from djtaskq_monitor.brokers.amqp import AmqpBroker
from djtaskq_monitor.brokers.broker import ANSWER_SECONDS
from djtaskq_monitor.brokers.figures import ABSENT, BrokerAway, BrokerRefuses, CannotPeek, Figures
from djtaskq_monitor.brokers.messages import Waiting, read
from djtaskq_monitor.recording import values

_COLUMNS = "name,messages_ready,messages_unacknowledged,consumers,head_message_timestamp"
# An answer of more bytes is not read to its end.
_LONGEST_ANSWER = 32_000_000
# As much as a bigint holds.
_LARGEST = (1 << 63) - 1
# Of a body as much as tells the task of Celery's first protocol.
_BODY = 50_000


class RabbitMQ(AmqpBroker):
    """Figures and messages by HTTP; `api` is the URL, with who asks in it. Purging goes by AMQP."""

    def __init__(self, connection: Connection, api: str) -> None:
        super().__init__(connection)
        self.api = Api(api)

    def _all_figures(self, names: Collection[str]) -> dict[str, Figures]:
        queues = self.api.listed("GET", f"queues/{self._vhost}?columns={_COLUMNS}")
        told = {queue.get("name"): _figures(queue) for queue in queues}
        return {name: told.get(name, ABSENT) for name in names}

    def _peek(self, name: str, most: int) -> list[Waiting]:
        path = f"queues/{self._vhost}/{quote(name, safe='')}"
        kind = self.api.one("GET", path).get("type", "classic")
        if kind != "classic":
            # A quorum queue counts each return as a failed delivery, and may drop the message at a limit.
            raise CannotPeek(reason=f"a {kind} queue does not give messages and take them back unchanged.")
        wanted = {"count": most, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": _BODY}
        return [_waiting(message) for message in self.api.listed("POST", f"{path}/get", wanted)]

    @property
    def _vhost(self) -> str:
        return quote(self.connection.virtual_host or "/", safe="")


class Api:
    """The management API; what it raises never has the URL's user or password in it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc.rpartition("@")[2]
        self._url = f"{parts.scheme}://{self._host}{parts.path.rstrip('/')}"
        self._headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()

    def one(self, method: str, path: str) -> dict[str, Any]:
        """The object that the API answers; raises `BrokerAway` or `BrokerRefuses`."""
        answer = self._ask(method, path)
        if not isinstance(answer, dict):
            raise BrokerRefuses(reason=f"what answers at {self._host} is no management API.")
        return answer

    def listed(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The objects that the API answers; raises `BrokerAway` or `BrokerRefuses`."""
        answer = self._ask(method, path, body)
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise BrokerRefuses(reason=f"what answers at {self._host} is no management API.")
        return answer

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        if not self._url.startswith(("http://", "https://")):
            raise BrokerRefuses(reason='DJTASKQ["MONITOR_BROKER_API"] is no http or https URL.')
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  the opener knows http and https alone
            f"{self._url}/{path}", data=data, headers=self._headers, method=method
        )
        try:
            with opener().open(request, timeout=ANSWER_SECONDS) as answer:
                return json.loads(answer.read(_LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            error.close()
            said = f"its management API at {self._host} answers {error.code} {error.reason}."
            raise BrokerRefuses(reason=said) from None  # the error itself holds a connection
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise BrokerAway(reason=f"its management API at {self._host}: {reason}") from None


def _figures(queue: Mapping[str, Any]) -> Figures:
    """A queue that was just declared has a name alone, for a moment."""
    return Figures(
        length=values.count(queue.get("messages_ready"), _LARGEST),
        unacked=values.count(queue.get("messages_unacknowledged"), _LARGEST),
        consumers=values.count(queue.get("consumers")),
        oldest=read({"properties": {"timestamp": queue.get("head_message_timestamp")}}).sent,
    )


def _waiting(message: Mapping[str, Any]) -> Waiting:
    properties = message.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    payload = message.get("payload")
    if message.get("payload_encoding") == "base64" and isinstance(payload, str):
        try:
            payload = base64.b64decode(payload).decode()
        except (binascii.Error, UnicodeDecodeError):
            payload = ""
    shaped = {
        "headers": properties.get("headers"),
        "properties": properties,
        "content-type": properties.get("content_type"),
        "body": payload,
        "redelivered": message.get("redelivered"),
    }
    return dataclasses.replace(read(shaped), size=values.count(message.get("payload_bytes")))
