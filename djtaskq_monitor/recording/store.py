"""Changes into the tables: few statements for many rows, and never a neighbour lost with a bad row."""

import logging
from collections.abc import Callable, Iterator, Mapping

from django.db import DatabaseError, InterfaceError, connections

from djtaskq.db.retry import Cause, cause, is_a_rows_fault
from djtaskq_monitor.models import TaskState, WorkerState
from djtaskq_monitor.recording.events import Change
from djtaskq_monitor.recording.merge import TASK, WORKER, Rules
from djtaskq_monitor.recording.recorder import Pending

logger = logging.getLogger(__name__)

# A transaction is no longer than a second or so.
_MOST_ROWS = 5_000
# A statement is no longer than every server takes (MariaDB: 16 MB), whatever workers send.
_MOST_CHARACTERS = 4_000_000
_LONG = ("args", "kwargs", "result", "exception", "traceback")

Merging = type[TaskState] | type[WorkerState]
Told = Callable[[str], None]


def _nobody(_error: str) -> None:
    pass


def write(pending: Pending, *, using: str, failed: Told = _nobody) -> tuple[Pending, int]:
    """Write what is pending; what is still to be written, and how many rows were set aside for good.

    `failed` is told what went wrong, if something did.

    Nothing is raised for a database that is away or in somebody's hands: the rows come back, for the next
    write. A row that the database refuses for what is in it is logged and set aside.
    """
    # Workers last: where a camera is killed in between, their heartbeats still tell of tasks that are lost.
    left_tasks, bad_tasks = _write_rows(TaskState, TASK, pending.tasks, using, failed)
    if left_tasks:
        return Pending(left_tasks, pending.workers), bad_tasks
    left_workers, bad_workers = _write_rows(WorkerState, WORKER, pending.workers, using, failed)
    return Pending({}, left_workers), bad_tasks + bad_workers


def _write_rows(
    model: Merging, rules: Rules, rows: Mapping[str, Change], using: str, failed: Told
) -> tuple[dict[str, Change], int]:
    left = dict(rows)
    set_aside = 0
    try:
        for batch in _batches(rows):
            set_aside += _write_batch(model, rules, batch, using, failed)
            for change in batch:
                del left[change[rules.key]]
    except (DatabaseError, InterfaceError) as error:
        logger.warning("%d rows wait for the next write: %s", len(left), error)
        failed(str(error) or type(error).__name__)
        if cause(error) is Cause.OUTAGE:
            connections[using].close()
    return left, set_aside


def _batches(rows: Mapping[str, Change]) -> Iterator[list[Change]]:
    """The rows in the order of their keys, so that two cameras never wait for each other in a circle."""
    batch: list[Change] = []
    characters = 0
    for key in sorted(rows):
        batch.append(rows[key])
        characters += sum(len(rows[key].get(name) or "") for name in _LONG)
        if len(batch) == _MOST_ROWS or characters > _MOST_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _write_batch(model: Merging, rules: Rules, batch: list[Change], using: str, failed: Told) -> int:
    """Write a batch; where a row makes the database refuse it, halve it until that row stands alone.

    Returns how many rows were set aside. Raises what no row can be blamed for.
    """
    try:
        model.objects.using(using).merge(batch)
    except (DatabaseError, ValueError, OverflowError) as error:
        # A value that its driver refuses never comes to the database.
        if isinstance(error, DatabaseError) and not is_a_rows_fault(error):
            raise
        if len(batch) == 1:
            logger.exception("The row of %s %r is set aside", rules.key, batch[0][rules.key])
            failed(f"{batch[0][rules.key]}: {error}")
            return 1
        middle = len(batch) // 2
        return sum(
            _write_batch(model, rules, half, using, failed) for half in (batch[:middle], batch[middle:])
        )
    return 0
