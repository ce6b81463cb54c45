"""What django-celery-beat's tables lack: when each schedule runs next, and what became of each slot.

No table here has a foreign key that the database knows: rows of django-celery-beat are deleted by code that
has never heard of these, and must be.
"""

from djtaskq_beat.models.alerts import Alert
from djtaskq_beat.models.beats import Beat, Declaration, DeclaredTask
from djtaskq_beat.models.latest import LatestRun
from djtaskq_beat.models.policy import RunPolicy
from djtaskq_beat.models.runs import TaskRun
from djtaskq_beat.models.streaks import FailureStreak
from djtaskq_beat.models.timetable import NextRun

__all__ = [
    "Alert",
    "Beat",
    "Declaration",
    "DeclaredTask",
    "FailureStreak",
    "LatestRun",
    "NextRun",
    "RunPolicy",
    "TaskRun",
]
