"""Results that are too large for the database."""

from django_celery_results.models import TaskResult

from djtaskq.db.limits import fits
from djtaskq.errors import DjtaskqError
from djtaskq_results.database import writing_to
from djtaskq_results.rows import Row

# Below it nobody needs to be asked: hardly a server is set to less.
_SMALL = 100_000


class ResultTooLarge(DjtaskqError):
    """The result is of {size:,} characters, more than max_allowed_packet admits: return less, or raise it."""


def refused(row: Row) -> ResultTooLarge | None:
    """The error to store in place of a result that the database would not take, or None.

    To send it all the same would end the connection, again and again; and who waits would wait for ever.
    """
    texts = [row["result"] or "", row["traceback"] or ""]
    size = sum(map(len, texts))
    if size < _SMALL or writing_to(TaskResult, lambda using: fits(texts, using)):
        return None
    return ResultTooLarge(size=size)
