from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import BigIntegerField, Expression, ExpressionWrapper, QuerySet, Value

from djtaskq.db.clock import DatabaseNow
from djtaskq.db.fields import InstantField

if TYPE_CHECKING:
    from djtaskq_beat.models import NextRun, TaskRun  # noqa: F401  named in strings below


def from_now(seconds: int) -> Expression:
    """The instant `seconds` from now by the database's clock, for an update."""
    later = Value(seconds * 1_000_000, output_field=BigIntegerField())
    return ExpressionWrapper(DatabaseNow() + later, output_field=InstantField())


def _seconds_to_first(rows: QuerySet[Any], field: str) -> float | None:
    first = rows.annotate(now=DatabaseNow()).order_by(field).values_list(field, "now").first()
    return None if first is None else (first[0] - first[1]).total_seconds()


class NextRunQuerySet(QuerySet["NextRun"]):
    def due(self) -> "NextRunQuerySet":
        """What is to be looked at now, the longest due first; each row with the database's time as `now`."""
        return self.filter(run_at__lte=DatabaseNow()).order_by("run_at").annotate(now=DatabaseNow())

    def seconds_to_next(self) -> float | None:
        """Until the next row is due, negative if it is overdue; None if there is none. One statement."""
        return _seconds_to_first(self.filter(run_at__isnull=False), "run_at")

    def mark_changed(self) -> int:
        """Have the rows planned anew at the next tick of any beat; one statement."""
        return self.update(run_at=DatabaseNow(), changed_at=DatabaseNow())

    def expect(self, periodic_tasks: Iterable[Any], *, just_made: bool) -> None:
        """Make rows, to be planned at the next tick, for periodic tasks that have none; one statement.

        `just_made`: their slots begin now by the database's clock, not when the row says it was changed.
        """
        changed_at = DatabaseNow() if just_made else None
        self.bulk_create(
            [
                self.model(periodic_task_id=pk, run_at=DatabaseNow(), changed_at=changed_at)
                for pk in periodic_tasks
            ],
            ignore_conflicts=True,
        )


class TaskRunQuerySet(QuerySet["TaskRun"]):
    def forsaken(self) -> "TaskRunQuerySet":
        """Claimed and not known to be published: any beat may publish them; with the time as `now`."""
        return self.filter(retry_at__lte=DatabaseNow()).order_by("retry_at").annotate(now=DatabaseNow())

    def seconds_to_forsaken(self) -> float | None:
        """Until the next run is free for any beat to publish; None if nothing waits. One statement."""
        return _seconds_to_first(self.filter(retry_at__isnull=False), "retry_at")

    def newest_first(self) -> "TaskRunQuerySet":
        return self.order_by("-slot")
