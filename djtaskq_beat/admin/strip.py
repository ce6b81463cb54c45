"""The last runs as a strip of bars: how each ended, and how long it took."""

import dataclasses
from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from djtaskq.admin import widgets
from djtaskq_beat.queries import PastRun

BAR, GAP = 14, 4
TALLEST, SHORTEST = 48, 3
SIGN_HEIGHT = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One run, in the units of the drawing; `label` says in words what the bar shows."""

    x: int
    y: int
    height: int
    kind: str
    sign: str
    label: str
    url: str

    @property
    def middle(self) -> int:
        return self.x + BAR // 2


@dataclasses.dataclass(frozen=True, slots=True)
class Strip:
    """The bars, the oldest run first; `longest` is the time that the tallest one stands for, in seconds."""

    bars: tuple[Bar, ...]
    longest: float | None

    bar_width = BAR
    base = TALLEST
    height = TALLEST + SIGN_HEIGHT

    @property
    def width(self) -> int:
        return len(self.bars) * (BAR + GAP)

    @property
    def baseline_of_signs(self) -> int:
        return self.height - GAP


def strip(newest_first: Sequence[PastRun]) -> Strip:
    longest = max((run.runtime for run in newest_first if run.runtime is not None), default=None)
    bars = [
        _bar(number * (BAR + GAP) + GAP // 2, run, longest)
        for number, run in enumerate(reversed(newest_first))
    ]
    return Strip(tuple(bars), longest)


def height_of(runtime: float | None, longest: float | None) -> int:
    """In proportion to the longest run; what is short or unknown can still be seen and pointed at."""
    if not runtime or not longest or runtime < 0:
        return SHORTEST
    return SHORTEST + round((TALLEST - SHORTEST) * min(runtime / longest, 1))


def _bar(x: int, run: PastRun, longest: float | None) -> Bar:
    look = widgets.look_of(run.state)
    height = height_of(run.runtime, longest)
    return Bar(
        x=x,
        y=TALLEST - height,
        height=height,
        kind=look.kind,
        sign=look.sign,
        label=_label(run),
        url=reverse("admin:djtaskq_beat_taskrun_change", args=[run.record.pk]),
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
