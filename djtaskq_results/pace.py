"""How many rows at a time: as many as take a given time, whatever the database is busy with."""

FIRST = 100
LEAST = 10
# Locks are held as long as a batch takes, and a writer that needs one of them waits that long.
SECONDS = 0.025
# Where there is one lock for all, each of them needs it.
SECONDS_OF_ONE_WRITER = 0.01


class Pace:
    """Batch sizes that follow how long the batches took: as many rows as take 25 ms, up to `most`.

    `one_writer`: all who write wait for each other, so that batches are shorter, and the rests longer.
    """

    def __init__(self, most: int, *, one_writer: bool = False) -> None:
        self._most = most
        self._one_writer = one_writer
        self._seconds = SECONDS_OF_ONE_WRITER if one_writer else SECONDS
        self.size = min(FIRST, most)
        self.longest = 0.0

    def took(self, number: int, seconds: float) -> None:
        """A batch of `number` rows took `seconds`; the next one is at most twice or half as large."""
        self.longest = max(self.longest, seconds)
        fitting = number * self._seconds / max(seconds, 1e-6)
        within = min(2 * self.size, max(self.size / 2, fitting))
        # A batch that was cut short tells how long its rows took, not that more would be too many.
        self.size = round(min(self._most, max(LEAST, within)))

    def rest(self, seconds: float) -> float:
        """How long to leave the database to others after a batch of so many seconds."""
        # Who waits for the one lock looks again after pauses of its own, which grow.
        return max(seconds, SECONDS_OF_ONE_WRITER) if self._one_writer else seconds / 2
