"""What a scenario came to: a row of the table in docs/faults.md."""

import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts; `settled` is how many seconds after the last event was sent all rows were right.

    `missing`: tasks without a row. `unfinished`: tasks whose row is not in its final state.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "what happens to the camera",
        "tasks",
        "events received",
        "killed",
        "tasks without a row",
        "without their final state",
        "settled",
    )

    scenario: str
    tasks: int
    received: int
    killed: int
    missing: int
    unfinished: int
    settled: float

    def row(self):
        return (
            self.scenario,
            f"{self.tasks:,}",
            f"{self.received:,}",
            self.killed,
            f"{self.missing:,}",
            f"{self.unfinished:,}",
            f"{self.settled:.1f}",
        )
