"""What the database does by itself when a schedule changes: it marks the rows of the timetable concerned.

In the transaction that changes it, so that beat sees both or neither, whoever writes: a save, a bulk update,
SQL by hand, another service. What beat itself writes to a periodic task decides nothing and fires nothing.
"""

import time

from django.db import models
from django_celery_beat import models as theirs

from djtaskq.db.triggers import Event, Remove, Stamp, Trigger, Triggers, TriggersRefused
from djtaskq_beat.models import NextRun, RunPolicy

# What decides the slots of a task; and what can keep it from being sent, so that a mended row runs at once.
TASK_FIELDS = (
    "enabled",
    "one_off",
    "start_time",
    "expires",
    "interval",
    "crontab",
    "solar",
    "clocked",
    "task",
    "args",
    "kwargs",
    "headers",
    "queue",
    "exchange",
    "routing_key",
    "priority",
    "expire_seconds",
)
POLICY_FIELDS = (
    "catch_up",
    "catch_up_limit",
    "catch_up_window",
    "overlap",
    "overlap_limit",
    "jitter",
    "paused_until",
)
SCHEDULE_FIELDS: dict[str, tuple[type[models.Model], tuple[str, ...]]] = {
    "interval": (theirs.IntervalSchedule, ("every", "period")),
    "crontab": (
        theirs.CrontabSchedule,
        ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone"),
    ),
    "solar": (theirs.SolarSchedule, ("event", "latitude", "longitude")),
    "clocked": (theirs.ClockedSchedule, ("clocked_time",)),
}
_MARKS = ("run_at", "changed_at")


def _of_tasks() -> list[Trigger]:
    mark = Stamp(model=NextRun, fields=_MARKS, key="periodic_task", made_if="enabled")
    forget = Remove(model=NextRun, key="periodic_task")
    task = theirs.PeriodicTask
    return [
        Trigger(name="task_insert", model=task, event=Event.INSERT, actions=[mark]),
        Trigger(name="task_update", model=task, event=Event.UPDATE, changing=TASK_FIELDS, actions=[mark]),
        Trigger(name="task_delete", model=task, event=Event.DELETE, actions=[forget]),
    ]


def _of_schedules() -> list[Trigger]:
    return [
        Trigger(
            name=f"{kind}_update",
            model=model,
            event=Event.UPDATE,
            changing=fields,
            actions=[
                Stamp(model=NextRun, fields=_MARKS, key="periodic_task", through=(theirs.PeriodicTask, kind))
            ],
        )
        for kind, (model, fields) in SCHEDULE_FIELDS.items()
    ]


def _of_policies() -> list[Trigger]:
    mark = Stamp(model=NextRun, fields=_MARKS, key="periodic_task", of="periodic_task")
    return [
        Trigger(
            name=f"policy_{event.value.lower()}",
            model=RunPolicy,
            event=event,
            changing=POLICY_FIELDS if event is Event.UPDATE else (),
            actions=[mark],
        )
        for event in Event
    ]


TRIGGERS = Triggers("djtaskq_beat", [*_of_tasks(), *_of_schedules(), *_of_policies()])
MODELS = (NextRun, RunPolicy, theirs.PeriodicTask, *(model for model, _ in SCHEDULE_FIELDS.values()))

_ASK_AGAIN = 60.0
_known: dict[str, tuple[bool, float]] = {}


def active(using: str) -> bool:
    """Whether the database marks by itself. That it does is remembered; that it does not, for a minute."""
    found, asked_at = _known.get(using, (False, -_ASK_AGAIN))
    return found or (time.monotonic() - asked_at >= _ASK_AGAIN and ask_active(using))


def ask_active(using: str) -> bool:
    """The same as it is at this moment; one statement."""
    try:
        found = not TRIGGERS.missing(using)
    except TriggersRefused:
        found = False
    _known[using] = (found, time.monotonic())
    return found


def forget_active(using: str) -> None:
    _known.pop(using, None)
