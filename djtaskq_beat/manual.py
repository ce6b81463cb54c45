"""Runs by hand: with all that the row says, outside of the grid, on record like any other."""

import datetime as dt
from collections.abc import Collection

from celery import Celery

from djtaskq.conf import conf
from djtaskq.db.clock import now
from djtaskq_beat.afterwards import Refusal, put_off, refuse, stamp
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.message import message_of, task_id_of
from djtaskq_beat.models import TaskRun
from djtaskq_beat.publisher import Outcome, Publisher, outcome_of
from djtaskq_beat.rows import Row, read
from djtaskq_beat.store import Run


def run_now(app: Celery, pks: Collection[int], *, using: str, by: str) -> Outcome:
    """Publish a run of each periodic task at once; what the broker does not take, beat sends later."""
    at = now(using)
    grace = dt.timedelta(seconds=conf().BEAT_GRACE_SECONDS)
    runs, refused = [], []
    for row in read(using, pks).values():
        record = _record(row, at, by, grace, using)
        try:
            runs.append(Run(record, message_of(row)))
        except Unschedulable as error:
            refused.append(Refusal(record, TaskRun.State.SKIPPED, str(error)))
    outcome = outcome_of(runs)
    outcome.refused += refused
    publisher = Publisher(app, seconds=conf().BEAT_PUBLISH_SECONDS)
    try:
        publisher.publish(outcome, at)
    finally:
        publisher.close()
        stamp(using, outcome.published)
        refuse(using, outcome.refused)
        put_off(using, [*outcome.waiting, *outcome.unsendable])
    return outcome


def _record(row: Row, at: dt.datetime, by: str, grace: dt.timedelta, using: str) -> TaskRun:
    return TaskRun.objects.using(using).create(
        periodic_task_id=row.pk,
        name=row.name,
        slot=at,
        trigger=TaskRun.Trigger.MANUAL,
        state=TaskRun.State.CLAIMED,
        task_id=task_id_of(row.pk, at),
        claimed_at=at,
        claimed_by=by,
        retry_at=at + grace,
    )
