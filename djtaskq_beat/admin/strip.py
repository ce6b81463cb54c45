"""The last runs as a strip of bars: how each ended, and how long it took."""

import dataclasses
from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from djtaskq.admin import widgets
from djtaskq.admin.parts import StripItem
from djtaskq_beat.queries import PastRun


@dataclasses.dataclass(frozen=True, slots=True)
class Strip:
    """The bars, the oldest run first; `longest` is the time that the tallest one stands for, in seconds."""

    bars: tuple[StripItem, ...]
    longest: float | None


def strip(newest_first: Sequence[PastRun]) -> Strip:
    longest = max((run.runtime for run in newest_first if run.runtime is not None), default=None)
    return Strip(tuple(_bar(run, longest) for run in reversed(newest_first)), longest)


def _bar(run: PastRun, longest: float | None) -> StripItem:
    look = widgets.look_of(run.state)
    return StripItem(
        kind=look.kind,
        sign=look.sign,
        label=_label(run),
        url=reverse("admin:djtaskq_beat_taskrun_change", args=[run.record.pk]),
        size=run.runtime / longest if longest and run.runtime is not None else None,
    )


def _label(run: PastRun) -> str:
    parts = [f"{widgets.exactly(run.record.slot)}: {run.state}"]
    if run.runtime is not None:
        parts.append(_("took %s") % widgets.duration(run.runtime))
    if run.late is not None:
        parts.append(_("late by %s") % widgets.duration(run.late))
    if run.record.reason:
        parts.append(run.record.reason)
    return ", ".join(parts)
