"""Prometheus' text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import dataclasses
from collections.abc import Iterable, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclasses.dataclass(slots=True)
class Family:
    """One metric of a kind, with what it says for people, and its lines."""

    name: str
    kind: str
    said: str
    lines: list[str] = dataclasses.field(default_factory=list)

    def add(self, labelled: str, value: float) -> None:
        """Add a sample; `labelled` is as `labels` writes it."""
        self.lines.append(f"{self.name}{{{labelled}}} {value}" if labelled else f"{self.name} {value}")

    def add_histogram(self, labelled: str, bounds: Sequence[str], upto: Sequence[int], total: float) -> None:
        """Add a histogram: how many lie at or below each bound, the last of them all, and their sum."""
        name, add = self.name, self.lines.append
        for bound, count in zip(bounds, upto, strict=True):
            add(f'{name}_bucket{{{labelled},le="{bound}"}} {count}')
        add(f"{name}_sum{{{labelled}}} {total}")
        add(f"{name}_count{{{labelled}}} {upto[-1]}")


def labels(**values: str) -> str:
    """Labels as they stand between braces."""
    return ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in values.items())


def bounds(seconds: Iterable[float]) -> list[str]:
    """The bounds of a histogram as labels, with that of its last bucket."""
    return [*map(str, seconds), "+Inf"]


def render(families: Iterable[Family]) -> str:
    """All families, without those that have no sample."""
    parts: list[str] = []
    for family in families:
        if family.lines:
            said = family.said.translate(_ESCAPED)
            parts += (f"# HELP {family.name} {said}", f"# TYPE {family.name} {family.kind}", *family.lines)
    return "\n".join(parts) + "\n"
