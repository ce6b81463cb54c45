"""How many rows at a time: as many as take a given time, whatever the database is busy with."""

FIRST = 100
LEAST = 10
# Locks are held as long as a batch takes, and a writer that needs one of them waits that long.
SECONDS = 0.025


class Pace:
    """Batch sizes that follow how long the batches took, up to `most` rows."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = min(FIRST, most)
        self.longest = 0.0

    def took(self, number: int, seconds: float) -> None:
        """A batch of `number` rows took `seconds`; the next one is at most twice or half as large."""
        self.longest = max(self.longest, seconds)
        fitting = number * SECONDS / max(seconds, 1e-6)
        within = min(2 * self.size, max(self.size / 2, fitting))
        # A batch that was cut short tells how long its rows took, not that more would be too many.
        self.size = round(min(self._most, max(LEAST, within)))
