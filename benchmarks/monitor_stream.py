"""Streams of events, end to end over a broker: how many a second, and in how much memory.

Processes tell of tasks as busy workers do. An empty handler, our camera and with `--flower` Flower take the
same stream one after the other. Then the camera takes a burst while the database stands still for a while.
"""

import argparse
import time
from collections.abc import Sequence

from benchmarks import harness
from benchmarks.streams.place import Place, cpu, memory, place
from benchmarks.streams.takers import (
    PATIENCE,
    Camera,
    Empty,
    Flower,
    Taker,
    TwoCameras,
    install_flower,
)
from tests.emitting import EVENTS, LIST
from tests.processes import Process
from tests.waiting import eventually


def main() -> None:
    options = _arguments()
    if options.flower:
        install_flower()
    with place(options.database) as here:
        for broker in options.brokers:
            here.use(broker)
            _streams(here, broker, options)
            if options.burst:
                _burst(here, broker, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=harness.ALIASES, default="postgresql")
    parser.add_argument("--brokers", nargs="+", choices=["rabbitmq", "redis"], default=["rabbitmq", "redis"])
    parser.add_argument("--size", type=int, default=20_000, help="tasks of a stream")
    parser.add_argument("--burst", type=int, default=100_000, help="tasks of the burst; 0 leaves it out")
    parser.add_argument("--pause", type=float, default=30, help="seconds for which the database stands still")
    parser.add_argument("--emitters", type=int, default=2, help="processes that send events")
    parser.add_argument("--list", type=int, default=LIST, help="events in a message")
    parser.add_argument("--rate", type=float, default=0, help="tasks a second of each, if not all they can")
    parser.add_argument("--two", action="store_true", help="with two cameras on one queue, too")
    parser.add_argument("--flower", action="store_true", help="with Flower 2.2, which is installed for that")
    return parser.parse_args()


def _streams(here: Place, broker: str, options: argparse.Namespace) -> None:
    from djtaskq_monitor.models import TaskState

    more = {TwoCameras: options.two, Flower: options.flower}
    takers: list[type[Taker]] = [Empty, Camera, *(kind for kind, wanted in more.items() if wanted)]
    print(f"\n{options.size:,} tasks over {broker} into {options.database}\n")
    print("| who takes them | events/s | ratio | sent, events/s | taken, of all |", end="")
    print(" CPU, us an event | most memory, MB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    first = 0.0
    TaskState.objects.all().delete()
    for number, kind in enumerate(takers):
        taker = kind(here)
        used = cpu(taker.processes)
        emitters = _emit(here, options.size, options, f"stream{number}")
        began, sent = _times(emitters)
        events = EVENTS * options.size
        taken, ended = taker.wait(events)
        rate = taken / (ended - began)
        first = first or rate
        figures = f"{rate:,.0f} | {rate / first:.2f} | {events / (sent - began):,.0f} | {taken / events:.1%}"
        figures += f" | {(cpu(taker.processes) - used) / max(taken, 1) * 1e6:.1f}"
        print(f"| {kind.name} | {figures} | {memory(taker.processes):,.0f} |", flush=True)
        taker.stop()


def _burst(here: Place, broker: str, options: argparse.Namespace) -> None:
    from django.db import connection

    from djtaskq_monitor.models import TaskState

    TaskState.objects.all().delete()
    events = EVENTS * options.burst
    camera = Camera(here)
    emitters = _emit(here, options.burst, options, "burst")
    eventually(lambda: camera.received() > events / 10, timeout=PATIENCE, interval=0.1)
    before = TaskState.objects.count()
    connection.close()
    with here.still():
        time.sleep(options.pause)
    began, sent = _times(emitters)
    _, ended = camera.wait(events)
    rows = TaskState.objects.count()
    print(f"\nA burst of {options.burst:,} tasks over {broker} into {options.database}\n")
    print("| tasks | rows | in their final state | written before the pause | database still, s |", end="")
    print(" sent in, s | written after, s | most memory, MB |")
    print(f"|{'---:|' * 8}")
    done = TaskState.objects.filter(state="SUCCESS").count()
    print(f"| {options.burst:,} | {rows:,} | {done:,} | {before:,} | {options.pause:g} |", end="")
    print(f" {sent - began:.1f} | {ended - began:.1f} | {memory(camera.processes):,.0f} |", flush=True)
    camera.stop()


def _emit(here: Place, count: int, options: argparse.Namespace, name: str) -> list[Process]:
    share = -(-count // options.emitters)
    counts = [min(share, count - share * number) for number in range(options.emitters)]
    more = [f"--list={options.list}", f"--rate={options.rate}"]
    return [
        here.processes.python(
            *("-m", "tests.emitting", here.url, str(each), f"--hostname={name}-{number}@test", *more)
        )
        for number, each in enumerate(counts)
    ]


def _times(emitters: Sequence[Process]) -> tuple[float, float]:
    """When the first event was sent, and the last."""
    for emitter in emitters:
        assert emitter.wait(PATIENCE) == 0, emitter.output
    lines = [line.split() for emitter in emitters for line in emitter.output.splitlines()]
    told = [(what, float(at)) for what, at in lines]
    return min(at for what, at in told if what == "began"), max(at for what, at in told if what == "ended")


if __name__ == "__main__":
    main()
