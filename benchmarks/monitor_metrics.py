"""What Prometheus waits for: `metrics` of 200 task names, 50 workers and 20 queues, beside many task states.

Every worker runs every task, and so metrics tell as many counters apart as they may.
"""

import sys
from collections.abc import Callable, Mapping

from benchmarks import harness
from benchmarks.pages.fill import fill

# So much every fifteen seconds, in milliseconds.
GOAL = 200
NAMES, WORKERS, QUEUES = 200, 50, 20
SIZE = 1_000_000


def main() -> None:
    options = harness.arguments(__doc__, size=SIZE, rounds=9)
    with harness.database(options.database) as (alias, _):
        fill(alias, options.size)
        _counters()
        contenders = _contenders()
        medians = harness.compare(contenders, options.rounds)
        lines = str(contenders["metrics"]()).count("\n")
    print(f"\nMetrics over {options.size:,} task states on {options.database}: {lines:,} lines\n")
    print("| what | ms | goal |")
    print("|---|---:|---:|")
    for name, seconds in medians.items():
        print(f"| {name} | {1000 * seconds:,.0f} | {GOAL} |")
    sys.stdout.flush()


def _contenders() -> Mapping[str, Callable[[], object]]:
    from djtaskq.vitals import vitals
    from djtaskq_monitor.metrics import reading
    from djtaskq_monitor.metrics.views import exposition

    return {"metrics": exposition, "reading alone": reading.read, "vitals alone": vitals}


def _counters() -> None:
    from django.utils import timezone

    from djtaskq.conf import conf
    from djtaskq_monitor.models import QueueState, TaskCounter, WorkerState
    from djtaskq_monitor.statistics import shown

    now = timezone.now()
    told = shown.write(shown.Shown([9] * 9, 10**7, 10**7, list(range(15)), list(range(15))))
    tasks = [(f"shop.t{number}", f"queue{number % QUEUES}") for number in range(NAMES)]
    pairs = [(name, f"celery@{number}") for number in range(WORKERS) for name, _ in tasks]
    keys = [("queue", *task, "") for task in tasks]
    keys += [("exception", *task, "KeyError") for task in tasks]
    keys += [("worker", *pair, "") for pair in pairs[: conf().MONITOR_METRICS_SERIES]]
    TaskCounter.objects.bulk_create(
        TaskCounter(digest=str(n), kind=kind, name=name, label=label, exception=error, shown=told, at=now)
        for n, (kind, name, label, error) in enumerate(keys)
    )
    WorkerState.objects.bulk_create(
        WorkerState(hostname=f"celery@{number}", last_heartbeat=now + timezone.timedelta(hours=6))
        for number in range(WORKERS)
    )
    QueueState.objects.bulk_create(QueueState(name=f"queue{number}", length=7) for number in range(QUEUES))


if __name__ == "__main__":
    main()
