"""How the runs that were published ended: asked of whoever knows, more and more seldom."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import BigIntegerField, Case, Expression, ExpressionWrapper, F, Q, Value, When
from django.db.models.functions import Greatest, Least

from djtaskq.conf import conf
from djtaskq.db.claims import claim, writing
from djtaskq.db.clock import DatabaseNow
from djtaskq.db.fields import InstantField
from djtaskq.db.text import storable
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq.outcomes import Outcome, outcomes_of
from djtaskq_beat.alerting.raising import raise_overdue
from djtaskq_beat.alerting.streaks import count_failures
from djtaskq_beat.models import TaskRun
from djtaskq_beat.overlap import has_ended
from djtaskq_beat.querysets import from_now

MOST = 500
_SECOND = 1_000_000
_SHORTEST_PAUSE = Value(2 * _SECOND, output_field=BigIntegerField())
_LONGEST_PAUSE = Value(60 * _SECOND, output_field=BigIntegerField())
_LEARNT = ("outcome", "finished_at", "runtime", "follow_at")
_ENDS = Upsert(TaskRun, key=["id"], assign={name: Incoming(name) for name in _LEARNT})


def follow(using: str, most: int = MOST) -> bool:
    """Ask about up to `most` runs whose time has come, and record those that ended.

    Returns whether more may wait. One statement where none does; else five, and one for each app that knows
    outcomes. They are asked with no row locked: a run that is being asked about has its next time set before,
    so that other beats ask about others, and one whose beat is killed is asked about again.
    """
    due = TaskRun.objects.using(using).filter(follow_at__lte=DatabaseNow())
    if not due.exists():
        return False
    with writing(using):
        runs = claim(due.order_by("follow_at").annotate(now=DatabaseNow()), most)
        TaskRun.objects.using(using).filter(pk__in=[run.pk for run in runs]).update(follow_at=_next_time())
    outcomes = outcomes_of(str(run.task_id) for run in runs)
    ended = [run for run in runs if has_ended(outcomes.get(str(run.task_id)))]
    if ended:
        _record(ended, outcomes, using)
    known = {run.pk for run in ended}
    raise_overdue([run for run in runs if run.pk not in known], using)
    return len(runs) == most


def _next_time() -> Expression:
    """When to ask again: in half the time since it was published, within bounds; never beyond the limit."""
    age = _microseconds(DatabaseNow() - F("published_at"))
    pause = Least(Greatest(_microseconds(age / 2), _SHORTEST_PAUSE), _LONGEST_PAUSE)
    given_up = Q(published_at__lt=from_now(-round(conf().BEAT_FOLLOW_LIMIT)))
    later = ExpressionWrapper(DatabaseNow() + pause, output_field=InstantField())
    return Case(When(given_up, then=None), default=later, output_field=InstantField())


def _microseconds(expression: Any) -> Expression:
    return ExpressionWrapper(expression, output_field=BigIntegerField())


def _record(runs: Sequence[TaskRun], outcomes: Mapping[str, Outcome], using: str) -> None:
    """Write how the runs ended, unless somebody else has, or has deleted them."""
    with writing(using):
        rows = TaskRun.objects.using(using).filter(pk__in=[run.pk for run in runs], outcome="")
        # Waits for a row that is held: one that was passed over would be asked about seconds later.
        open_still = set(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
        ended = [run for run in runs if run.pk in open_still]
        for run in ended:
            _learn(run, outcomes[str(run.task_id)])
        _ENDS.write(ended, using=using)
        count_failures(ended, outcomes, using)


def _learn(run: TaskRun, outcome: Outcome) -> None:
    run.outcome = storable(outcome.state, 50)
    run.finished_at = outcome.finished
    run.runtime = outcome.runtime
    run.follow_at = None
