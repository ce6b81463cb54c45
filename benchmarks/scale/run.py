"""One size after the other, and its contenders in turn; the rows of the tables as they come."""

import argparse
import statistics
from collections.abc import Iterator

from benchmarks.scale import bare, fill, idle, ours, peers
from benchmarks.scale.figures import COLUMNS, CONFIRMED, COST_COLUMNS, Costs, Figures, cost_row, head, row
from benchmarks.scale.place import Place, empty_queue, say

# Its schedules are written one by one, and take some 600 bytes of memory each.
_MOST_OF_REDBEAT = 100_000
# A message each time there and back: their rate shows soon.
_MOST_CONFIRMED = 2_000


def run(place: Place, options: argparse.Namespace) -> None:
    print(head([*COLUMNS, CONFIRMED] if place.broker == "rabbitmq" else COLUMNS), flush=True)
    costs = [_one_size(place, size, options) for size in options.sizes]
    print(f"\n{head(COST_COLUMNS)}")
    for each in costs:
        print(cost_row(each))


def _one_size(place: Place, size: int, options: argparse.Namespace) -> Costs:
    due = min(options.due, size)
    say(f"{size:,} schedules are written")
    fill.fill(place.alias, size)
    say("a tick with nothing due")
    costs = idle.measure(place.alias, size)
    rows, loops = [], [_bare(place, due)]
    for number, count in enumerate(options.beats, start=1):
        say(f"djtaskq, beats: {count}; {due:,} due")
        # Edits change what they edit: they come after all bursts.
        edits = costs.edits if number == len(options.beats) else None
        rows.append(ours.measure(place, due, count, edits=edits))
        loops.append(_bare(place, due))
    if options.peers:
        rows += _peers(place, size, due)
    rates = [statistics.median(each) for each in zip(*loops, strict=True)]
    names = ["bare send_task", "bare send_task with confirms"]
    bares = [Figures(contender=name, rate=rate) for name, rate in zip(names, rates, strict=False)]
    for figures in (*bares, *rows):
        print(row(size, figures, *rates), flush=True)
    return costs


def _bare(place: Place, due: int) -> list[float]:
    """Rates without, and where the broker knows them, with confirms."""
    ways = {False: due}
    if place.broker == "rabbitmq":
        ways[True] = min(due, _MOST_CONFIRMED)
    found = []
    with empty_queue() as queue:
        for confirmed, count in ways.items():
            say(f"a bare send_task loop of {count:,}{', each confirmed' if confirmed else ''}")
            found.append(bare.rate(place.url, count, confirmed=confirmed))
            queue.empty()
    return found


def _peers(place: Place, size: int, due: int) -> Iterator[Figures]:
    say(f"django-celery-beat; {due:,} due")
    yield peers.django_celery_beat(place, due)
    if place.broker == "redis" and size <= _MOST_OF_REDBEAT:
        say(f"RedBeat; {due:,} due")
        yield peers.redbeat(place, size, due)
