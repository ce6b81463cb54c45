"""Putting alerts on record; the unique key on run and kind keeps whoever finds the same from raising two."""

import datetime as dt
from collections.abc import Collection, Iterable

from django.db.models import F

from djtaskq.conf import conf
from djtaskq.db.text import storable
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_beat.models import Alert, RunPolicy, TaskRun

_LONGEST = 1_000
# An alert that is there stays as it is: to assign it its own key changes nothing.
_ALERTS = Upsert(Alert, key=["run", "kind"], assign={"kind": Incoming("kind")})


def raise_missed(missed: Iterable[tuple[TaskRun, str]], using: str) -> None:
    """Raise an alert for each run that was missed, with the reason; no statement where there is none."""
    if conf().BEAT_ALERT_MISSED:
        said = [(run, f"{_name(run)} was missed: {reason}") for run, reason in missed]
        raise_alerts(Alert.Kind.MISSED, said, using)


def raise_overdue(running: Collection[TaskRun], using: str) -> None:
    """Raise an alert for those of the runs, read with the time as `now`, that take too long.

    One statement where there are runs at all, and another where some take too long.
    """
    if not running:
        return
    tasks = {run.periodic_task_id for run in running}
    limits = limits_of(tasks, "overdue_after", conf().BEAT_ALERT_OVERDUE, using)
    said = []
    for run in running:
        limit = limits[run.periodic_task_id]
        published_at = run.published_at or run.claimed_at
        if limit is not None and (_seen_at(run) - published_at).total_seconds() >= limit:
            said.append((run, f"{_name(run)} has not ended {limit:g} s after it was published"))
    raise_alerts(Alert.Kind.OVERDUE, said, using)


def raise_late(late: Iterable[tuple[TaskRun, float]], using: str) -> None:
    """Raise an alert for each run that was published so many seconds after it was due."""
    said = [(run, f"{_name(run)} was published {seconds:.0f} s late") for run, seconds in late]
    raise_alerts(Alert.Kind.LATE, said, using)


def raise_failed(failed: Iterable[tuple[TaskRun, int, str]], using: str) -> None:
    """Raise an alert for each run that failed as one of so many in a row, with the error."""
    said = []
    for run, failures, error in failed:
        streak = f"{failures} failures in a row" if failures > 1 else "the first failure after a success"
        said.append((run, f"{_name(run)} failed, {streak}: {error or 'no error is known'}"))
    raise_alerts(Alert.Kind.FAILED, said, using)


def raise_alerts(kind: Alert.Kind, said: Iterable[tuple[TaskRun, str]], using: str) -> None:
    """Put alerts on record with their texts; what is there already stays. One statement, or none."""
    alerts = []
    for run, text in said:
        at = _seen_at(run)
        alerts.append(Alert(kind=kind, run=run, text=storable(text, _LONGEST), raised_at=at, send_at=at))
    _ALERTS.write(alerts, using=using)


def limits_of(
    tasks: Collection[int], field: str, default: float | None, using: str
) -> dict[int, float | None]:
    """What the policies of these periodic tasks say in `field`, by key; `default` where they say nothing."""
    said = RunPolicy.objects.using(using).filter(pk__in=tasks, **{f"{field}__isnull": False})
    limits: dict[int, float | None] = dict.fromkeys(tasks, default)
    limits.update(said.values_list("pk", F(field)))
    return limits


def _seen_at(run: TaskRun) -> dt.datetime:
    """The database's time when the run was read or claimed: about now."""
    at: dt.datetime = getattr(run, "now", run.claimed_at)
    return at


def _name(run: TaskRun) -> str:
    if run.through is not None and run.through > run.slot:
        return (
            f"{run.name}: every run from {run.slot:%Y-%m-%d %H:%M:%S} to {run.through:%Y-%m-%d %H:%M:%S} UTC"
        )
    return f"{run.name}: the run of {run.slot:%Y-%m-%d %H:%M:%S} UTC"
