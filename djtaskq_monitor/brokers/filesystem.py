"""kombu's filesystem transport, ours or its own: a file for each message."""

import datetime as dt
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from djtaskq_monitor.brokers.broker import Broker
from djtaskq_monitor.brokers.figures import Figures
from djtaskq_monitor.brokers.messages import LONGEST_MESSAGE, Waiting, decoded

_END = ".msg"


class FilesystemBroker(Broker):
    """The queue is in the name of each file, and the names are in the order in which messages go out."""

    def _all_figures(self, names: Collection[str]) -> dict[str, Figures]:
        lengths = dict.fromkeys(names, 0)
        heads: dict[str, str] = {}
        for file, queue in self._waiting():
            if queue in lengths:
                lengths[queue] += 1
                heads[queue] = min(file, heads.get(queue, file))
        return {name: self._told(length, heads.get(name)) for name, length in lengths.items()}

    def _figures(self, name: str) -> Figures:
        return self._all_figures([name])[name]

    def _told(self, length: int, head: str | None) -> Figures:
        first = None if head is None else self._read(head)
        if first is None:
            return Figures(length=length)
        return Figures(length=length, oldest=first.sent, heads=tuple(filter(None, [first.task_id])))

    def _peek(self, name: str, most: int) -> list[Waiting]:
        files = sorted(file for file, queue in self._waiting() if queue == name)
        found = (self._read(file) for file in files[:most])
        return [message for message in found if message is not None]

    def _waiting(self) -> Iterator[tuple[str, str]]:
        """Names of files, and of the queue that each waits in."""
        with os.scandir(self.channel.data_folder_in) as files:
            for file in files:
                rest = file.name.partition(".")[2]
                if rest.endswith(_END):
                    yield file.name, rest.removesuffix(_END)

    def _read(self, file: str) -> Waiting | None:
        """None for a message that somebody has taken in the meantime."""
        path = Path(self.channel.data_folder_in) / file
        try:
            with path.open() as opened:
                text = opened.read(LONGEST_MESSAGE + 1)
            sent = dt.datetime.fromtimestamp(path.stat().st_mtime, tz=dt.UTC)
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            return Waiting(problem="A message that cannot be decoded.")
        return decoded(text, sent)
