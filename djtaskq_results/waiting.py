"""Waiting for what another process writes: how long to pause, and when to give up.

A result is most often either nearly there or far away. So the pauses grow with the time waited so far: the
first ones are a few milliseconds, and later ones stay a fixed part of the whole wait. What that costs is
known: each result is seen at most that part of its own running time late.
"""

import time
from collections.abc import Callable

from celery.exceptions import TimeoutError as CeleryTimeout

FIRST_PAUSE = 0.005
GROWTH = 0.2
LONGEST_PAUSE = 0.5
# A sum of pauses may miss the end by a rounding error, and a pause of that length would never end.
_NOTHING = 1e-6

Sleep = Callable[[float], object]


class Wait:
    """One wait, from its making on.

    `timeout` in seconds, None for ever; `interval` is the longest pause, and how often `on_interval` is
    called. `sleep` is where a notification may cut a pause short.
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

    def pause(self) -> None:
        """Sleep until it is time to look again; raises Celery's TimeoutError when the time is spent.

        `on_interval` is called before the first pause, and then whenever an interval has passed.
        """
        if self._told is None or self._clock() - self._told >= self.longest:
            self.tell()
        left = self.remaining
        if left is not None and left < _NOTHING:
            raise CeleryTimeout(f"The operation timed out after {self.timeout} s.")
        pause = min(max(FIRST_PAUSE, self.elapsed * GROWTH), max(self.longest, FIRST_PAUSE))
        self._sleep(pause if left is None else min(pause, left))
