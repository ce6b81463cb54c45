"""What a beat does beside publishing: each thing in its own rhythm, in small pieces, between two ticks."""

import dataclasses
import time
from collections.abc import Callable, Sequence

# However much is due, no chore waits longer than this beyond its time.
_PATIENCE = 2.0


@dataclasses.dataclass(slots=True)
class Chore:
    """Work that comes again every `every()` seconds.

    `work` does a bounded piece of it in a fraction of a second and returns whether there is more to do at
    once. It may raise database errors: it is then done again a rhythm later.
    """

    every: Callable[[], float]
    work: Callable[[], bool]
    next_at: float = 0.0


class Chores:
    """The chores of one beat; of those whose time has come, the one that waits longest is done first."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._chores = list(chores)

    def do_one(self, *, idle: bool) -> bool:
        """Do one chore whose time has come, or none; returns whether another one waits.

        A beat that is not idle does those alone that have waited too long.
        """
        clock = time.monotonic()
        waiting = [chore for chore in self._chores if chore.next_at <= clock - (0 if idle else _PATIENCE)]
        if not waiting:
            return False
        chore = min(waiting, key=lambda waits: waits.next_at)
        chore.next_at = clock + chore.every()
        if chore.work():
            chore.next_at = clock
        return len(waiting) > 1 or chore.next_at == clock
