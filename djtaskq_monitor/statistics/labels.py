"""Whose tasks are told apart: no more names, queues and workers than the settings allow."""

import hashlib
from collections.abc import Iterable

from djtaskq.conf import conf
from djtaskq_monitor.statistics.models import Series
from djtaskq_monitor.statistics.tally import Label

OTHER = "(other)"


def series(labels: Iterable[Label], using: str) -> dict[Label, int]:
    """The series in which each label is counted; made where there is room for one."""
    wanted = {label: digest(label) for label in labels}
    known = _known(wanted.values(), using)
    new = sorted(label for label in wanted if wanted[label] not in known)
    if not new:
        return {label: known[key] for label, key in wanted.items()}
    admitted = dict(zip(new, _admitted(new, using), strict=True))
    made = [_made(label) for label in sorted(set(admitted.values()))]
    Series.objects.using(using).bulk_create(made, ignore_conflicts=True)
    known |= _known([row.digest for row in made], using)
    return {label: known[digest(admitted.get(label, label))] for label in wanted}


def _made(label: Label) -> Series:
    return Series(name=label.name, queue=label.queue, worker=label.worker, digest=digest(label))


def digest(label: Label) -> str:
    return hashlib.md5("\0".join(label).encode(), usedforsecurity=False).hexdigest()


def _known(digests: Iterable[str], using: str) -> dict[str, int]:
    rows = Series.objects.using(using).filter(digest__in=list(digests))
    return dict(rows.values_list("digest", "pk"))


def _admitted(new: Iterable[Label], using: str) -> list[Label]:
    """What the new ones are counted as: those that came first keep their names."""
    most = conf().MONITOR_STATISTICS_LABELS
    seen = [
        {*Series.objects.using(using).order_by().values_list(field, flat=True).distinct(), "", OTHER}
        for field in ("name", "queue", "worker")
    ]
    found = []
    for label in new:
        parts = []
        for part, held in zip(label, seen, strict=True):
            if part not in held and len(held) < most + 2:
                held.add(part)
            parts.append(part if part in held else OTHER)
        found.append(Label(*parts))
    return found
