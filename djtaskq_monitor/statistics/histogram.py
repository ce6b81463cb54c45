"""Histograms that can be added up, and percentiles from them that are right within five per cent.

Values are whole microseconds. Bucket 0 holds 0; the others end at the whole parts of the powers of 1.1, each
once: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 17, … up to ten years, where the last one ends.

Why five per cent. Let a bucket end at b, and 1.1**k be the first power whose whole part is b. The bucket
begins at a, the whole part of 1.1**(k - 1) plus one. So b <= 1.1**k and a > 1.1**(k - 1): b / a < 1.1. For a
value v of the bucket the answer is sqrt(a * b), and answer / v lies between sqrt(a / b) and sqrt(b / a): it
is less than sqrt(1.1) - 1 = 4.9 % off. A percentile is the value of one rank, and the counts tell its bucket.
"""

import bisect
import math
from collections.abc import Iterable, Iterator

_TEN_YEARS = 10 * 366 * 86_400 * 1_000_000

Counts = dict[int, int]


def _ends() -> Iterator[int]:
    """In whole numbers alone: the same on every machine."""
    yield 0
    numerator, denominator, last = 1, 1, 0
    while last < _TEN_YEARS:
        end = numerator // denominator
        if end != last:
            yield end
            last = end
        numerator, denominator = numerator * 11, denominator * 10


ENDS = tuple(_ends())


def bucket(microseconds: int) -> int:
    """The number of the bucket that holds a value; what is beyond the ends counts with them."""
    return min(bisect.bisect_left(ENDS, microseconds), len(ENDS) - 1)


def middle(number: int) -> float:
    """The value, in microseconds, that stands for a bucket."""
    if number == 0:
        return 0.0
    return math.sqrt((ENDS[number - 1] + 1) * ENDS[number])


def percentiles(counts: Counts, wanted: Iterable[float]) -> list[float | None]:
    """The values, in seconds, of the nearest ranks of `wanted` (0 to 100); None where nothing was counted."""
    present = sorted((number, count) for number, count in counts.items() if count > 0)
    total = sum(count for _number, count in present)
    return [_at(present, max(1, math.ceil(total * each / 100))) if total else None for each in wanted]


def _at(present: list[tuple[int, int]], rank: int) -> float:
    below = 0
    for number, count in present:
        below += count
        if below >= rank:
            return middle(number) / 1_000_000
    return middle(present[-1][0]) / 1_000_000


def add(counts: Counts, more: Counts) -> None:
    for number, count in more.items():
        counts[number] = counts.get(number, 0) + count


def write(counts: Counts) -> str:
    """As text, for a column: `12:3 15:1`; what cancels out is left away."""
    return " ".join(f"{number}:{counts[number]}" for number in sorted(counts) if counts[number])


def read(text: str) -> Counts:
    counts: Counts = {}
    for part in text.split():
        number, _, count = part.partition(":")
        counts[int(number)] = int(count)
    return counts
