"""The end of rows about queues."""

import datetime as dt

from django.utils import timezone

from djtaskq.conf import conf
from djtaskq_monitor.models import QueueSample, QueueState

_AT_ONCE = 1_000
_BATCHES = 10


def expire(*, using: str) -> int:
    """Delete old lengths, and queues that nobody has asked for since, some thousand rows at the most."""
    keep = conf().MONITOR_QUEUES_KEEP
    if keep is None:
        return 0
    before = timezone.now() - dt.timedelta(seconds=keep)
    deleted = _expire_samples(before, using)
    if deleted < _AT_ONCE * _BATCHES:
        # Their lengths are older still, and gone by now.
        deleted += QueueState.objects.using(using).filter(asked__lt=before).delete()[0]
    return deleted


def _expire_samples(before: dt.datetime, using: str) -> int:
    samples = QueueSample.objects.using(using)
    deleted = 0
    for _batch in range(_BATCHES):
        old = samples.filter(at__lt=before).order_by("at").values_list("pk", flat=True)
        ids = list(old[:_AT_ONCE])
        deleted += samples.filter(pk__in=ids).delete()[0] if ids else 0
        if len(ids) < _AT_ONCE:
            break
    return deleted
