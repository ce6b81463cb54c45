"""How beat is doing, asked of the tables by their indexes: what it costs does not grow with them."""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Sequence

from django.db.models import Count, Max
from django_celery_beat.models import PeriodicTask

from djtaskq.db.clock import now as database_now
from djtaskq_beat import triggers
from djtaskq_beat.heartbeat import alive
from djtaskq_beat.models import Beat, NextRun, TaskRun
from djtaskq_beat.querysets import from_now

MOST_BEATS = 10
MOST_NAMED = 10
MOST_COUNTED = 1_000
# The newest runs, of which those of the last hour are counted.
MOST_RUNS = 100_000
_HOUR = dt.timedelta(hours=1)
# A row that is set aside is tried again within this time: its `run_at` is never further away.
_TRIED_AGAIN = 61


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    """A number, and whether there are more than it."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"more than {self.number:,}" if self.more else f"{self.number:,}"


@dataclasses.dataclass(frozen=True, slots=True)
class KnownBeat:
    """A beat's row and whether it is "alive", "silent" or "stopped"."""

    row: Beat
    state: str


@dataclasses.dataclass(frozen=True, slots=True)
class SetAside:
    """A schedule that cannot be scheduled, and why not."""

    name: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Beat at the instant `now`, by the database's clock.

    `next_due` is when the row that is due next is looked at, `next_name` whose row it is. `oldest_waiting`
    is since when the run that waits longest could have been published. `recent` has the last hour's runs
    by state; all of them, or the newest if `recent_more`.
    """

    now: dt.datetime
    beats: Sequence[KnownBeat]
    next_due: dt.datetime | None
    next_name: str
    waiting: Counted
    oldest_waiting: dt.datetime | None
    set_aside: Sequence[SetAside]
    set_aside_count: Counted
    recent: Counter[str]
    recent_more: bool
    triggers: bool

    @property
    def lag(self) -> dt.timedelta:
        """How long the oldest due row has waited to be looked at."""
        return _since(self.next_due, self.now)

    @property
    def publishing_lag(self) -> dt.timedelta:
        """How long the oldest run that was claimed has waited to be published."""
        return _since(self.oldest_waiting, self.now)

    def problems(self, max_lag: dt.timedelta) -> list[str]:
        """What is wrong, each with what to do; empty if all is well."""
        found = []
        living = [beat for beat in self.beats if beat.state == "alive"]
        if not living:
            found.append("No beat is alive: start one with “celery -A yourproject beat -S djtaskq”.")
        elif all(beat.row.problem for beat in living):
            found.append(f"No beat can do its work: {living[0].row.problem}")
        for length, what in (
            (self.lag, "is due and was not looked at"),
            (self.publishing_lag, "was claimed and not published"),
        ):
            if length > max_lag:
                seconds = f"{length.total_seconds():,.0f} s"
                found.append(f"Something {what} for {seconds}: see what beat logs, or start another one.")
        return found


def status(using: str) -> Status:
    """Ask how beat is doing, in a dozen statements."""
    now = database_now(using)
    next_due, next_name = _next_due(using)
    waiting, oldest_waiting = _waiting(using)
    set_aside, set_aside_count = _set_aside(using)
    recent, recent_more = _recent(using, now)
    return Status(
        now=now,
        beats=_beats(using),
        next_due=next_due,
        next_name=next_name,
        waiting=waiting,
        oldest_waiting=oldest_waiting,
        set_aside=set_aside,
        set_aside_count=set_aside_count,
        recent=recent,
        recent_more=recent_more,
        triggers=triggers.ask_active(using),
    )


def _beats(using: str) -> list[KnownBeat]:
    """Those that are alive, and of the others the ones seen last."""
    living = list(alive(using)[:MOST_BEATS])
    others = Beat.objects.using(using).exclude(pk__in=[beat.pk for beat in living]).order_by("-seen_at")
    return [KnownBeat(beat, "alive") for beat in living] + [
        KnownBeat(beat, "stopped" if beat.stopped_at is not None else "silent")
        for beat in others[:MOST_BEATS]
    ]


def _next_due(using: str) -> tuple[dt.datetime | None, str]:
    due = NextRun.objects.using(using).filter(run_at__isnull=False, error="").order_by("run_at")
    first = due.values_list("run_at", "pk").first()
    if first is None:
        return None, ""
    name = PeriodicTask._default_manager.using(using).filter(pk=first[1]).values_list("name", flat=True)
    return first[0], name.first() or ""


def _waiting(using: str) -> tuple[Counted, dt.datetime | None]:
    """Each try puts `retry_at` off, so since when a run waits is told by when it was to go out."""
    runs = TaskRun.objects.using(using).filter(retry_at__isnull=False).order_by("retry_at")
    found = list(runs.values_list("claimed_at", "due_at")[: MOST_COUNTED + 1])
    since = [max(claimed_at, due_at or claimed_at) for claimed_at, due_at in found]
    return _counted(len(found)), min(since, default=None)


def _set_aside(using: str) -> tuple[list[SetAside], Counted]:
    rows = NextRun.objects.using(using).filter(run_at__lte=from_now(_TRIED_AGAIN)).exclude(error="")
    found = list(rows.order_by("run_at").values_list("pk", "error")[: MOST_COUNTED + 1])
    named = dict(found[:MOST_NAMED])
    tasks = PeriodicTask._default_manager.using(using).filter(pk__in=named)
    names = sorted(tasks.values_list("name", "pk"))
    return [SetAside(name, named[pk]) for name, pk in names], _counted(len(found))


def _recent(using: str, now: dt.datetime) -> tuple[Counter[str], bool]:
    runs = TaskRun.objects.using(using)
    newest = runs.aggregate(newest=Max("pk"))["newest"] or 0
    considered = runs.filter(pk__gt=newest - MOST_RUNS)
    by_state = considered.filter(claimed_at__gt=now - _HOUR).order_by().values_list("state")
    older = runs.filter(pk__lte=newest - MOST_RUNS).order_by("-pk")
    left_out = older.values_list("claimed_at", flat=True).first()
    there_are_more = left_out is not None and left_out > now - _HOUR
    return Counter(dict(by_state.annotate(number=Count("pk")))), there_are_more


def _counted(found: int) -> Counted:
    return Counted(min(found, MOST_COUNTED), more=found > MOST_COUNTED)


def _since(instant: dt.datetime | None, now: dt.datetime) -> dt.timedelta:
    return dt.timedelta() if instant is None else max(now - instant, dt.timedelta())
