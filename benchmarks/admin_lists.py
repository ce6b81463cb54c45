"""The pages of the periodic tasks' admin over many schedules, beside django-celery-beat's own admin."""

import datetime as dt

from benchmarks import harness

BATCH = 5_000


def main() -> None:
    options = harness.arguments(__doc__)
    with harness.database(options.database) as (alias, _):
        _fill(alias, options.size)
        pages = _pages()
        medians = harness.compare({name: page.get for name, page in pages.items()}, options.rounds)
        print(f"\n{options.size:,} schedules on {options.database}\n")
        print("| contender | page | ms | statements | kB |")
        print("|---|---|---:|---:|---:|")
        for name, page in pages.items():
            figures = f"{medians[name] * 1000:.0f} | {page.statements(alias)} | {page.size / 1000:.0f}"
            print(f"| {name[0]} | {name[1]} | {figures} |")


def _fill(alias, size):
    """Half of them crontabs, of which there are a tenth as many as schedules; half of them intervals."""
    from django.contrib.auth import get_user_model
    from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

    from djtaskq.db.clock import now

    at = now(alias)
    get_user_model().objects.create_superuser("root", "root@example.org", "secret")
    _many(
        CrontabSchedule,
        (
            CrontabSchedule(
                minute=str(number % 60),
                hour=str(number // 60 % 24),
                day_of_month=str(number % 28 + 1) if number % 100 == 0 else "*",
                timezone="Europe/Paris",
            )
            for number in range(max(size // 10, 1))
        ),
    )
    _many(
        IntervalSchedule, (IntervalSchedule(every=every, period="minutes") for every in (1, 5, 15, 60, 1440))
    )
    crontabs = list(CrontabSchedule.objects.values_list("pk", flat=True))
    intervals = list(IntervalSchedule.objects.values_list("pk", flat=True))
    _many(
        PeriodicTask,
        (
            PeriodicTask(
                name=f"schedule {number:07}",
                task=f"proj.tasks.job_{number % 50}",
                date_changed=at,
                **{"crontab_id": crontabs[number % len(crontabs)]}
                if number % 2
                else {"interval_id": intervals[number % len(intervals)]},
            )
            for number in range(size)
        ),
    )
    _plan(alias, at)


def _plan(alias, at):
    from django_celery_beat.models import PeriodicTask

    from djtaskq_beat.models import NextRun, TaskRun

    NextRun.objects.all().delete()
    keys = list(PeriodicTask.objects.order_by("pk").values_list("pk", flat=True))
    _many(NextRun, (NextRun(periodic_task_id=key, **planned) for key, planned in _slots(alias, keys, at)))
    _many(
        TaskRun,
        (
            TaskRun(
                periodic_task_id=key,
                name="schedule",
                slot=at - dt.timedelta(minutes=number),
                state="published",
                outcome="FAILURE" if key % 1000 == 0 else "SUCCESS",
                runtime=0.5,
                claimed_at=at - dt.timedelta(minutes=1),
                published_at=at,
            )
            for number in range(3)
            for key in keys
        ),
    )
    _note_latest(alias)
    _analyze(alias)


def _note_latest(alias):
    """As beat's chore does."""
    from djtaskq_beat.latest import LatestRuns

    chore = LatestRuns(alias)
    while chore.work():
        pass


def _slots(alias, keys, at):
    """As beat would have planned them, the intervals from a thousand different seconds on."""
    from djtaskq_beat.rows import read
    from djtaskq_beat.timetable import schedule_of

    for begin in range(0, len(keys), BATCH):
        for key, row in read(alias, keys[begin : begin + BATCH]).items():
            anchor = at - dt.timedelta(seconds=key * 7 % 1000)
            slot = schedule_of(row, anchor).next_after(at)
            yield key, {"slot": slot, "run_at": slot, "anchor": anchor}


def _analyze(alias):
    """As autovacuum would have done by the time that somebody opens a page."""
    from django.db import connections

    tables = (
        "django_celery_beat_periodictask",
        "django_celery_beat_crontabschedule",
        "djtaskq_beat_latestrun",
        "djtaskq_beat_nextrun",
        "djtaskq_beat_taskrun",
    )
    connection = connections[alias]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ANALYZE {'TABLE ' if connection.vendor == 'mysql' else ''}{table}")


def _many(model, rows):
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            model.objects.bulk_create(batch)
            batch = []
    model.objects.bulk_create(batch)


def _pages():
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django_celery_beat.models import PeriodicTask

    _add_the_peer()
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.get())
    key = PeriodicTask.objects.order_by("pk").values_list("pk", flat=True)[1]
    last = PeriodicTask.objects.count() // 50
    ours, peers = "/admin/django_celery_beat/periodictask/", "/peer/django_celery_beat/periodictask/"
    found = {
        ("djtaskq", "list"): ours,
        ("djtaskq", "list, its last page"): f"{ours}?p={min(last, 200)}",
        ("djtaskq", "list by next run"): f"{ours}?o=3",
        ("djtaskq", "list by last run"): f"{ours}?o=4",
        ("djtaskq", "list by lateness, the latest first"): f"{ours}?o=-5",
        ("djtaskq", "list by enabled"): f"{ours}?o=2",
        ("djtaskq", "list, a search"): f"{ours}?q=00042",
        ("djtaskq", "list, one kind"): f"{ours}?kind=crontab",
        ("djtaskq", "list, set aside"): f"{ours}?condition=aside",
        ("djtaskq", "list, failed lately"): f"{ours}?lately=failed",
        ("djtaskq", "page of one"): f"{ours}{key}/change/",
        ("djtaskq", "page to add one"): f"{ours}add/",
        ("djtaskq", "the next 24 hours"): "/admin/djtaskq_beat/nextrun/",
        ("djtaskq", "runs"): "/admin/djtaskq_beat/taskrun/",
        ("djtaskq", "runs that failed"): "/admin/djtaskq_beat/taskrun/?outcome=FAILURE",
        ("django-celery-beat", "list"): peers,
        ("django-celery-beat", "page of one"): f"{peers}{key}/change/",
    }
    return {name: _Page(client, path) for name, path in found.items()}


def _add_the_peer():
    """django-celery-beat's own admin classes, on a site of their own."""
    from django.contrib import admin
    from django.urls import path
    from django_celery_beat import admin as theirs
    from django_celery_beat import models

    from tests import urls

    site = admin.AdminSite("peer")
    site.register(models.PeriodicTask, theirs.PeriodicTaskAdmin)
    site.register(models.CrontabSchedule, theirs.CrontabScheduleAdmin)
    urls.urlpatterns.append(path("peer/", site.urls))


class _Page:
    def __init__(self, client, path):
        self._client, self._path = client, path
        self.size = 0

    def get(self):
        response = self._client.get(self._path)
        if response.status_code != 200:
            raise AssertionError((self._path, response.status_code))
        self.size = len(response.content)

    def statements(self, alias):
        from django.db import connections
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connections[alias]) as captured:
            self.get()
        return len(captured)


if __name__ == "__main__":
    main()
