"""Failures in a row, counted as the outcomes come in."""

from collections.abc import Mapping, Sequence

from celery.states import FAILURE, SUCCESS
from django.db.models import F

from djtaskq.conf import conf
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq.outcomes import Outcome
from djtaskq_beat.alerting.raising import limits_of, raise_failed
from djtaskq_beat.models import FailureStreak, TaskRun

# A row that another beat has just made is locked and stays as it is.
_BEGIN = Upsert(FailureStreak, key=["periodic_task"], assign={"failures": F("failures")})
_STREAKS = Upsert(FailureStreak, key=["periodic_task"], assign={"failures": Incoming("failures")})


def count_failures(ended: Sequence[TaskRun], outcomes: Mapping[str, Outcome], using: str) -> None:
    """Count the runs that just ended, and alert where a streak gets as long as its policy says.

    To be called in the transaction that records them, so that each is counted once. One statement where none
    failed, up to six where some did. A task that was revoked or rejected neither adds to a streak nor ends
    it.
    """
    told = [run for run in ended if run.outcome in (SUCCESS, FAILURE)]
    if not told:
        return
    tasks = {run.periodic_task_id for run in told}
    failing = {run.periodic_task_id for run in told if run.outcome == FAILURE}
    counts = _locked(tasks, failing, using)
    before = dict(counts)
    failures = _counted(told, counts)
    _STREAKS.write(
        [
            FailureStreak(periodic_task_id=pk, failures=count)
            for pk, count in counts.items()
            if count != before[pk]
        ],
        using=using,
    )
    if failures:
        limits = limits_of(failing, "failures", conf().BEAT_ALERT_FAILURES, using)
        reached = [(run, count) for run, count in failures if count == limits[run.periodic_task_id]]
        raise_failed([(run, count, outcomes[str(run.task_id)].error) for run, count in reached], using)


def _locked(tasks: set[int], failing: set[int], using: str) -> dict[int, int]:
    """The streaks of these tasks by key; none for a task that never failed. Nobody else counts them now."""
    rows = FailureStreak.objects.using(using).select_for_update().order_by("pk").values_list("pk", "failures")
    counts = dict(rows.filter(pk__in=tasks))
    if first := failing - counts.keys():
        _BEGIN.write([FailureStreak(periodic_task_id=pk) for pk in first], using=using)
        counts.update(rows.filter(pk__in=first))
    return counts


def _counted(told: Sequence[TaskRun], counts: dict[int, int]) -> list[tuple[TaskRun, int]]:
    """Carry `counts` on; returns each failure with its number in its streak."""
    failures = []
    for run in sorted(told, key=lambda run: (run.finished_at or run.claimed_at, run.slot)):
        key = run.periodic_task_id
        if run.outcome == FAILURE:
            counts[key] += 1
            failures.append((run, counts[key]))
        elif key in counts:
            counts[key] = 0
    return failures
