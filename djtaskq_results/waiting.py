"""Waiting for what another process writes: how long to pause, and when to give up.

A result is most often either nearly there or far away. So the pauses grow with the time waited so far: the
first ones are a few milliseconds, and later ones stay a fixed part of the whole wait. What that costs is
known: each result is seen at most that part of its own running time late.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from celery.exceptions import TimeoutError as CeleryTimeout

LONGEST_PAUSE = 0.5
# A sum of pauses may miss the end by a rounding error, and a pause of that length would never end.
_NOTHING = 1e-6


class Pace(NamedTuple):
    """A pause is the `growth`th part of the time waited, between `first` and `longest` seconds."""

    first: float
    growth: float
    longest: float = math.inf

    def after(self, elapsed: float) -> float:
        return min(max(self.first, elapsed * self.growth), self.longest)


LOOKING = Pace(0.005, 0.2)
# Where a notification cuts the pause short, the looks are for the one in a great many that gets lost.
LISTENING = Pace(0.05, 0.5, 2.0)

# Sleeps for that long; true if something happened that is a reason to look sooner.
Sleep = Callable[[float], object]


class Wait:
    """One wait, from its making on.

    `timeout` in seconds, None for ever; `interval` is the longest pause, and how often `on_interval` is
    called.
    """

    def __init__(
        self,
        *,
        timeout: float | None = None,
        interval: float | None = None,
        on_interval: Callable[[], object] | None = None,
        sleep: Sleep = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeout = timeout
        self.longest = LONGEST_PAUSE if interval is None else interval
        self._on_interval = on_interval
        self._sleep = sleep
        self._clock = clock
        self._began = clock()
        self._told: float | None = None

    @property
    def elapsed(self) -> float:
        return self._clock() - self._began

    @property
    def remaining(self) -> float | None:
        return None if self.timeout is None else max(0.0, self.timeout - self.elapsed)

    def tell(self) -> None:
        """Call `on_interval` now."""
        self._told = self._clock()
        if self._on_interval is not None:
            self._on_interval()

    def pause(self, *, listening: bool = False) -> bool:
        """Sleep until it is time to look again, see `naps`; true if woken before."""
        return any(self._sleep(nap) for nap in self.naps(listening=listening))

    def naps(self, *, listening: bool = False) -> Iterator[float]:
        """How long to sleep, nap by nap, until it is time to look again; raises Celery's TimeoutError.

        `on_interval` is called before the first pause, and then whenever an interval has passed. `listening`
        if a notification would wake the sleeper.
        """
        self._tell_if_due()
        left = math.inf if self.remaining is None else self.remaining
        if left < 2 * _NOTHING:  # or there would be an end to wait for, and no nap before it
            raise CeleryTimeout(f"The operation timed out after {self.timeout} s.")
        pause = LISTENING.after(self.elapsed) if listening else self._looking()
        end = self.elapsed + min(pause, left)
        while (nap := end - self.elapsed) > _NOTHING:
            yield min(nap, self._until_told()) if listening else nap
            if end - self.elapsed > _NOTHING:
                self._tell_if_due()

    def _looking(self) -> float:
        return min(LOOKING.after(self.elapsed), max(self.longest, LOOKING.first))

    def _until_told(self) -> float:
        return max(LOOKING.first, self.longest - (self._clock() - (self._told or 0.0)))

    def _tell_if_due(self) -> None:
        if self._told is None or self._clock() - self._told >= self.longest:
            self.tell()
