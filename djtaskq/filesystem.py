"""kombu's filesystem transport, made fit for several processes at once.

kombu writes messages and bindings into files under their final names. A reader may come between the opening
of such a file and its writing: it then finds no message where there should be one, and a Celery worker ends
of that. Here a file gets its name when it is whole; a message is taken by a rename, which one reader alone
can win; and bindings change under one lock.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

from djtaskq.errors import DjtaskqError

# The stubs know of less than there is.
_kombu: Any = filesystem


class NoFolder(DjtaskqError, OSError):
    """The broker's folder {folder} does not exist: make it, or mend CELERY_BROKER_TRANSPORT_OPTIONS."""


class Channel(_kombu.Channel):  # type: ignore[misc]  # see above
    """Puts and takes messages by renaming, and binds queues one after the other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A folder that is mounted or made later is waited for, as a broker that is not started yet.
        for folder in (self.data_folder_in, self.data_folder_out):
            if not Path(folder).is_dir():
                raise NoFolder(folder=folder)

    def _put(self, queue: str, payload: Any, **_kwargs: Any) -> None:
        name = f"{time.time_ns():020}_{uuid.uuid4()}.{queue}.msg"
        _write(Path(self.data_folder_out) / name, payload)

    def _get(self, queue: str) -> Any:
        for file in sorted(Path(self.data_folder_in).iterdir()):
            if file.name.partition(".")[2] != f"{queue}.msg":
                continue
            try:
                taken = file.replace(file.with_name(f"{file.name}.taken"))
            except FileNotFoundError:  # another reader was faster
                continue
            payload = loads(taken.read_text())
            taken.unlink()
            return payload
        raise Empty

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        binding = _kombu.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._changing(exchange) as bindings:
            if binding not in bindings:
                bindings.insert(0, binding)

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *_: Any, **__: Any) -> None:
        self._purge(queue)
        binding = _kombu.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._changing(exchange) as bindings:
            if binding in bindings:
                bindings.remove(binding)

    @contextmanager
    def _changing(self, exchange: str) -> Iterator[list[Any]]:
        """The bindings of an exchange, to be changed in place while nobody else changes any."""
        file = self._exchange_file(exchange)
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with (self.control_folder / "lock").open("w") as turn:
            _kombu.lock(turn, _kombu.LOCK_EX)
            bindings = self.get_table(exchange)
            before = list(bindings)
            yield bindings
            if bindings != before:
                _write(file, bindings)


class Transport(_kombu.Transport):  # type: ignore[misc]  # see above
    """The transport behind `filesystem://` URLs once `install` was called."""

    Channel = Channel
    connection_errors = (*_kombu.Transport.connection_errors, OSError)


def install() -> None:
    """Have every `filesystem://` URL of this process use this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"


def _write(file: Path, content: Any) -> None:
    unfinished = file.with_name(f"{file.name}.{uuid.uuid4()}.unfinished")
    unfinished.write_text(dumps(content))
    unfinished.replace(file)
