"""All that the dashboard shows, in one piece."""

import dataclasses
from collections.abc import Sequence

from djtaskq.vitals import Level, Vital
from djtaskq_monitor import fleet
from djtaskq_monitor.brokers.queries import Queue
from djtaskq_monitor.dashboard import failures, figures, fingerprint, queues
from djtaskq_monitor.dashboard.memory import remembered
from djtaskq_monitor.dashboard.spans import Span


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """`queues` are those of `queue_count` that need somebody, and the longest."""

    span: Span
    vitals: Sequence[Vital]
    fleet: fleet.Fleet
    figures: figures.Figures
    queues: Sequence[Queue]
    queue_count: int
    failures: failures.Failures

    @property
    def level(self) -> Level:
        """How it stands: as the worst of what is looked at does."""
        return max((vital.level for vital in self.vitals), default=Level.UNUSED)

    @property
    def troubles(self) -> list[Vital]:
        """What is not well, the worst first."""
        found = [vital for vital in self.vitals if vital.level >= Level.WARNING]
        return sorted(found, key=lambda vital: -vital.level)

    @property
    def used(self) -> bool:
        """Whether there is anything to show: a worker, a camera or a count."""
        return self.fleet.known or bool(self.figures.received or self.figures.ended or self.queues)


def state(span: Span) -> State:
    """As it stood at most two seconds ago: as many viewers as there are share what it costs."""
    return remembered(("state", span.name or (span.since, span.until)), lambda: _read(span))


def _read(span: Span) -> State:
    lines, number = queues.lines()
    return State(
        span=span,
        vitals=fingerprint.known_vitals(),
        fleet=fleet.fleet(),
        figures=figures.figures(span, figures.points_of(span)),
        queues=lines,
        queue_count=number,
        failures=failures.failures(span),
    )
