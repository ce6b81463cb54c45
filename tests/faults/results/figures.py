"""What a storm of tasks came to: a row of the table in docs/faults.md."""

import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts; `settled` is how many seconds after the storm the last task had ended.

    `lost`: messages that Redis handed to a connection just as it was ended, which were sent again, and
    retries that Celery gave up to send.
    `repeats`: runs beyond the first of a task's attempt, each of them a message that was handed out again.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "storm",
        "workers",
        "tasks",
        "chords",
        "crashes",
        "sessions ended",
        "children killed",
        "broker connections ended",
        "workers started again",
        "lost by the broker",
        "run again",
        "settled",
    )

    scenario: str
    workers: int
    tasks: int
    chords: int
    crashes: int
    sessions: int
    children: int
    clients: int
    restarted: int
    lost: int
    repeats: int
    settled: float

    def row(self):
        return (
            self.scenario,
            self.workers,
            f"{self.tasks:,}",
            self.chords,
            self.crashes,
            self.sessions,
            self.children,
            self.clients,
            self.restarted,
            self.lost,
            self.repeats,
            f"{self.settled:.1f}",
        )
