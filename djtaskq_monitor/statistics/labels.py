"""Whose tasks are told apart: no more names, queues and workers than the settings allow.

What has a label is counted five times: under its label, under its name, its queue and its worker alone, and
with all others. So a chart by one of them, or by none, reads no more rows than it has points.
"""

import hashlib
from collections.abc import Collection, Iterable

from djtaskq.conf import conf
from djtaskq_monitor.statistics.models import Series
from djtaskq_monitor.statistics.tally import Label

DIMENSIONS = ("name", "queue", "worker")
OTHER = "(other)"
# In place of what a series does not tell apart.
ALL = "(all)"


def counted_as(labels: Collection[Label], using: str) -> dict[Label, list[int]]:
    """The series in which each label is counted, made where there is room for them."""
    own = _admitted(labels, using)
    series = _series({each for label in own.values() for each in views(label)}, using)
    return {label: [series[each] for each in views(own[label])] for label in labels}


def views(label: Label) -> Iterable[Label]:
    return (
        label,
        Label(label.name, ALL, ALL),
        Label(ALL, label.queue, ALL),
        Label(ALL, ALL, label.worker),
        Label(ALL, ALL, ALL),
    )


def digest(label: Label) -> str:
    return hashlib.md5("\0".join(label).encode(), usedforsecurity=False).hexdigest()


def _series(labels: Iterable[Label], using: str) -> dict[Label, int]:
    wanted = {label: digest(label) for label in labels}
    known = _known(wanted.values(), using)
    new = [
        Series(name=label.name, queue=label.queue, worker=label.worker, digest=wanted[label])
        for label in sorted(wanted)
        if wanted[label] not in known
    ]
    if new:
        Series.objects.using(using).bulk_create(new, ignore_conflicts=True)
        known |= _known([series.digest for series in new], using)
    return {label: known[key] for label, key in wanted.items()}


def _known(digests: Iterable[str], using: str) -> dict[str, int]:
    rows = Series.objects.using(using).filter(digest__in=list(digests))
    return dict(rows.values_list("digest", "pk"))


def _admitted(labels: Iterable[Label], using: str) -> dict[Label, Label]:
    """Labels as they are counted: what came first keeps its name."""
    most = conf().MONITOR_STATISTICS_LABELS
    rows = Series.objects.using(using).order_by()
    seen = [{*rows.values_list(name, flat=True).distinct(), "", OTHER} - {ALL} for name in DIMENSIONS]
    admitted = {}
    for label in sorted(labels):
        parts = []
        for part, held in zip(label, seen, strict=True):
            if part not in held and part != ALL and len(held) < most + 2:
                held.add(part)
            parts.append(part if part in held else OTHER)
        admitted[label] = Label(*parts)
    return admitted
