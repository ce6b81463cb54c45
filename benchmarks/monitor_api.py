"""The HTTP API over many tasks: the server's time for each answer, as `monitor_pages` takes it."""

from benchmarks import harness
from benchmarks.monitor_pages import Meter, Page, _client
from benchmarks.pages.fill import RARE, fill

QUERIES = {
    "the newest 100": "tasks",
    "the newest 1,000": "tasks?limit=1000",
    "100 behind 10,000": "tasks?offset=10000",
    "state, 3 %": "tasks?state=FAILURE",
    "state, 0.1 %": "tasks?state=REVOKED",
    "name, 0.05 %": f"tasks?taskname={RARE}",
    "worker, 5 %": "tasks?workername=worker7@host",
    "sorted by start": "tasks?sort_by=-started",
    "search, a name": "tasks?search=job_3",
    "search, of nothing": "tasks?search=result:nowhere",
    "the names": "task/types",
    "workers' status": "workers?status=1",
    "queues": "queues/length",
    "v1: the newest 100": "v1/tasks",
    "v1: the newest 1,000": "v1/tasks?limit=1000",
    "v1: state, 0.1 %": "v1/tasks?state=REVOKED",
    "v1: name, 0.05 %": f"v1/tasks?name={RARE}",
    "v1: name and state": "v1/tasks?name=proj.tasks.job_3&state=FAILURE",
    "v1: search, of nothing": "v1/tasks?q=result:nowhere",
    "v1: names": "v1/names",
    "v1: statistics": "v1/statistics",
    "v1: workers": "v1/workers",
}


def main() -> None:
    options = harness.arguments(__doc__, size=1_000_000)
    with harness.database(options.database) as (alias, _):
        fill(alias, options.size)
        measure(alias, options)


def measure(alias, options) -> None:
    from django.test.utils import override_settings

    meter, client = Meter(alias), _client()
    print(f"\n{options.size:,} tasks on {options.database}\n")
    print("| api/ | ms of processors | ms, at best | statements | kB |")
    print("|---|---:|---:|---:|---:|")
    with override_settings(ROOT_URLCONF="djtaskq_monitor.urls", DJTASKQ={"MONITOR_API_RATE": 10**6}):
        for name, path in QUERIES.items():
            page = Page(client, f"/api/{path}")
            cpu, best = page.timed(meter, options.rounds)
            count = page.statements(alias)
            print(
                f"| {name} | {cpu * 1000:.0f} | {best * 1000:.0f} | {count} | {page.size / 1000:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
