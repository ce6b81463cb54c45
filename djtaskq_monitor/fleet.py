"""How the workers stand, all of them together."""

import dataclasses
import datetime as dt
from collections.abc import Iterable

from django.utils import timezone

from djtaskq_monitor.models import WorkerState

# What is read of each: as much as tells its status and whether it works.
_COLUMNS = ("hostname", "last_heartbeat", "freq", "offline_since", "active")
# Rows of workers that are gone stay for a while; more than this are not looked at.
_MOST = 5_000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """Host names by status. `busy` are those online that run a task; `running` counts the tasks of them all.

    `stranded` counts the tasks that lost workers were about when they were heard of last.
    """

    online: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()
    running: int = 0
    stranded: int = 0

    @property
    def known(self) -> bool:
        return bool(self.online or self.lost or self.offline)


def fleet(now: dt.datetime | None = None) -> Fleet:
    """The workers that the cameras know of; one statement."""
    rows = WorkerState.objects.order_by("hostname").only("pk", *_COLUMNS)[:_MOST]
    return counted(rows, now or timezone.now())


def counted(rows: Iterable[WorkerState], now: dt.datetime) -> Fleet:
    by_status: dict[str, list[WorkerState]] = {}
    for row in rows:
        by_status.setdefault(row.status(now), []).append(row)
    names = {status: tuple(row.hostname for row in found) for status, found in by_status.items()}
    online = by_status.get(WorkerState.ONLINE, [])
    return Fleet(
        online=names.get(WorkerState.ONLINE, ()),
        busy=tuple(row.hostname for row in online if row.active),
        lost=names.get(WorkerState.LOST, ()),
        offline=names.get(WorkerState.OFFLINE, ()),
        running=sum(row.active or 0 for row in online),
        stranded=sum(row.active or 0 for row in by_status.get(WorkerState.LOST, [])),
    )
