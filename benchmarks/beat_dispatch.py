"""Sending what is due over Redis: beats beside a bare `send_task` loop on one producer."""

import datetime as dt

from benchmarks import harness

LONG_AGO = dt.timedelta(hours=2)


def main() -> None:
    options = harness.arguments(__doc__)
    with harness.database(options.database, broker="redis") as (_, broker):
        contenders, prepare = _contenders(broker, options.size)
        medians = harness.compare(contenders, options.rounds, prepare)
    title = f"{options.size} of {options.size} schedules due, {options.database} and Redis"
    harness.report(title, medians, options.size, "runs")


def _contenders(broker, size):
    from celery import Celery
    from celery.signals import before_task_publish
    from django.utils import timezone
    from django_celery_beat.models import IntervalSchedule, PeriodicTask
    from django_celery_beat.schedulers import DatabaseScheduler as Peer

    from djtaskq_beat.models import NextRun
    from djtaskq_beat.schedulers import DatabaseScheduler

    app = Celery("benchmark", broker=broker, set_as_current=True)
    app.conf.beat_schedule = {}
    app.conf.timezone = "UTC"
    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="proj.tasks.add", args="[1, 2]", interval=hourly)
        for number in range(size)
    )
    ours = DatabaseScheduler(app=app)
    peers: list[Peer] = []

    def all_due_to_us():
        # One overdue slot each, as after an hour in which nothing ran.
        while NextRun.objects.exclude(planned_from="").count() < size:
            ours.tick()
        past = timezone.now() - dt.timedelta(seconds=5)
        NextRun.objects.update(slot=past, run_at=past, anchor=past)

    def through_us():
        while NextRun.objects.filter(run_at__lte=timezone.now()).exists():
            ours.tick()

    def all_due_to_the_peer():
        PeriodicTask.objects.update(last_run_at=timezone.now() - LONG_AGO)
        peers[:] = [Peer(app=app)]

    def through_the_peer():
        sent = []
        before_task_publish.connect(count := lambda **_signal: sent.append(1))
        while len(sent) < size:
            peers[0].tick()
        before_task_publish.disconnect(count)

    def bare():
        with app.producer_or_acquire() as producer:
            for _ in range(size):
                app.send_task("proj.tasks.add", [1, 2], {}, producer=producer)

    return (
        {"bare send_task": bare, "djtaskq": through_us, "django-celery-beat": through_the_peer},
        {"djtaskq": all_due_to_us, "django-celery-beat": all_due_to_the_peer},
    )


if __name__ == "__main__":
    main()
