"""Runs of one schedule that meet: the one that has not ended, and the one that is due."""

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from celery.states import READY_STATES

from djtaskq.outcomes import Outcome, outcomes_of
from djtaskq_beat.models import TaskRun
from djtaskq_beat.policies import Decision, Missed, Overlap
from djtaskq_beat.steps import Step

# States in which a task will do nothing more, beyond those that Celery calls ready.
ENDED = READY_STATES | {"REJECTED", "IGNORED", "CANCELLED"}


def has_ended(outcome: Outcome | None) -> bool:
    return outcome is not None and (outcome.finished is not None or outcome.state in ENDED)


def yield_to_running(steps: Sequence[Step], now: dt.datetime, using: str) -> None:
    """Of the steps whose policy says so, take back what meets a run that has not ended.

    No statement where no due step has such a policy; one, and one for each app that knows outcomes, where
    some have.
    """
    meeting = [step for step in steps if step.policy.overlap is not Overlap.ALLOW and step.decision.run]
    if not meeting:
        return
    running = unfinished({step.row.pk: now - step.policy.overlap_limit for step in meeting}, using)
    for step in meeting:
        last = step.decision.run[-1]
        earlier = [run for run in running.get(step.row.pk, ()) if run.slot < last]
        if step.policy.overlap is Overlap.SKIP and earlier:
            reason = f"the run of {earlier[-1].slot:%Y-%m-%d %H:%M:%S} UTC has not ended"
            step.decision = _without_runs(step.decision, reason)
        elif len(step.decision.run) > 1:
            step.decision = _last_alone(step.decision)


def unfinished(since: Mapping[int, dt.datetime], using: str) -> dict[int, list[TaskRun]]:
    """The runs by schedule that were claimed after `since` and are not known to have ended, in order."""
    if not since:
        return {}
    claimed = TaskRun.objects.using(using).filter(
        periodic_task__in=since.keys(),
        # Reads a range of the unique index, not the whole history of a schedule.
        slot__gte=min(since.values()) - dt.timedelta(days=1),
        claimed_at__gte=min(since.values()),
        state__in=[TaskRun.State.CLAIMED, TaskRun.State.PUBLISHED],
        finished_at=None,
        outcome="",
    )
    records = [run for run in claimed.order_by("slot") if run.claimed_at >= since[run.periodic_task_id]]
    outcomes = outcomes_of(str(run.task_id) for run in records)
    found: defaultdict[int, list[TaskRun]] = defaultdict(list)
    for run in records:
        if not has_ended(outcomes.get(str(run.task_id))):
            found[run.periodic_task_id].append(run)
    return dict(found)


def replaced_by(
    records: Collection[TaskRun], limits: Mapping[int, dt.timedelta], using: str
) -> list[TaskRun]:
    """The runs that are to be stopped before `records` go out; `limits` by schedule."""
    first: dict[int, TaskRun] = {}
    for record in records:
        first.setdefault(record.periodic_task_id, record)
    since = {pk: record.claimed_at - limits[pk] for pk, record in first.items()}
    running = unfinished(since, using)
    return [run for pk, runs in running.items() for run in runs if run.slot < first[pk].slot]


def _without_runs(decision: Decision, reason: str) -> Decision:
    skipped = Missed(decision.run[0], decision.run[-1], reason, skipped=True)
    return dataclasses.replace(decision, run=(), missed=(*decision.missed, skipped))


def _last_alone(decision: Decision) -> Decision:
    *others, last = decision.run
    reason = "a later slot was due at the same time, and its runs must not overlap"
    skipped = Missed(others[0], others[-1], reason, skipped=True)
    return dataclasses.replace(decision, run=(last,), missed=(*decision.missed, skipped))


def task_ids(runs: Iterable[TaskRun]) -> list[str]:
    return [str(run.task_id) for run in runs]
