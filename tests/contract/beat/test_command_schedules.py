"""`schedules export` and `import`: what is in the file is in the rows, and the other way round."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.management import CommandError
from django_celery_beat.models import (
    CrontabSchedule,
    PeriodicTask,
)

from djtaskq_beat.models import NextRun, RunPolicy
from tests.contract.beat.conftest import settle
from tests.contract.beat.filing import FILE, export


def wrong(bring, text, *options):
    with pytest.raises(CommandError) as raised:
        bring(text, *options)
    return str(raised.value)


def test_a_file_becomes_rows_and_the_same_file_again(database, bring):
    said = bring(FILE)
    assert said == "+ nightly\n+ once\n+ poll\n+ sunset\n4 created, 0 changed, 0 unchanged.\n"
    nightly = PeriodicTask.objects.get(name="nightly")
    assert (nightly.task, nightly.args, nightly.kwargs, nightly.queue) == (
        "shop.report",
        '["daily", 7]',
        "{}",
        "slow",
    )
    assert (str(nightly.crontab.timezone), nightly.crontab.hour, nightly.interval) == (
        "Europe/Berlin",
        "2",
        None,
    )
    assert (nightly.run_policy.overlap, nightly.run_policy.jitter) == ("skip", 60)
    once = PeriodicTask.objects.get(name="once")
    assert (once.one_off, once.clocked.clocked_time) == (True, dt.datetime(2040, 1, 1, 8, tzinfo=dt.UTC))
    assert PeriodicTask.objects.get(name="sunset").solar.latitude == Decimal("52.52")
    assert not PeriodicTask.objects.get(name="poll").enabled
    assert export() == FILE


def test_importing_again_changes_nothing(database, bring, django_assert_max_num_queries):
    bring(FILE)
    before = list(PeriodicTask.objects.order_by("pk").values())
    # SQLite takes the write lock of the empty transaction by an update of nothing.
    with django_assert_max_num_queries(5, using=database):
        said = bring(FILE)
    assert said == "0 created, 0 changed, 4 unchanged.\n"
    assert list(PeriodicTask.objects.order_by("pk").values()) == before


def test_only_what_differs_is_written_and_told(database, bring):
    bring(FILE)
    before = {task.name: task for task in PeriodicTask.objects.all()}
    changed = FILE.replace("30 2 * * *", "30 3 * * *").replace("queue: slow", "priority: 3")
    said = bring(changed.replace("      jitter: 60\n", ""))
    assert said == (
        "~ nightly\n"
        "    crontab: 30 2 * * * -> 30 3 * * *\n"
        "    queue: slow -> (default)\n"
        "    priority: (default) -> 3\n"
        '    policy: {"overlap": "skip", "jitter": 60} -> {"overlap": "skip"}\n'
        "0 created, 1 changed, 3 unchanged.\n"
    )
    after = {task.name: task for task in PeriodicTask.objects.all()}
    assert after["nightly"].crontab.hour == "3"
    assert after["nightly"].pk == before["nightly"].pk
    assert after["nightly"].date_changed > before["nightly"].date_changed
    assert after["sunset"].date_changed == before["sunset"].date_changed
    assert RunPolicy.objects.get(pk=after["nightly"].pk).jitter == 0


def test_schedule_rows_are_shared_and_never_edited_under_others(database, bring, make_task):
    shared = CrontabSchedule.objects.create(minute="30", hour="2", timezone="Europe/Berlin")
    other = make_task("other", crontab=shared)
    bring(FILE)
    assert PeriodicTask.objects.get(name="nightly").crontab_id == shared.pk
    bring(FILE.replace("30 2 * * *", "30 3 * * *"))
    other.refresh_from_db()
    assert (other.crontab_id, other.crontab.hour) == (shared.pk, "2")
    bring(FILE)
    assert PeriodicTask.objects.get(name="nightly").crontab_id == shared.pk
    assert CrontabSchedule.objects.count() == 2


def test_a_beat_sees_it_at_its_next_look(bring, dispatcher, clock):
    bring(FILE)
    settle(dispatcher)
    assert NextRun.objects.filter(slot__gt=clock()).count() == 3
    bring(FILE.replace("'2040-01-01T08:00:00+00:00'", "'2041-01-01T08:00:00+00:00'"))
    settle(dispatcher)
    assert NextRun.objects.get(periodic_task__name="once").slot.year == 2041


def test_a_wrong_entry_is_told_and_nothing_is_changed(database, bring):
    text = (
        FILE.replace("30 2 * * *", "99 2 * * *")
        .replace("10 seconds", "10 weeks")
        .replace("sunset\n", "dusk\n")
    )
    said = wrong(bring, text)
    assert said.startswith("Nothing was changed, since entries are wrong:\n")
    assert "\n  “nightly”: crontab: " in said
    assert "\n  “poll”: interval: “10 weeks” is no interval" in said
    assert "\n  “sunset”: solar: Value 'dusk' is not a valid choice." in said
    assert not PeriodicTask.objects.exists()
    assert not CrontabSchedule.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("", "schedule: No schedule is set"),
        (
            "crontab: '* * * * *', interval: 5 minutes",
            "interval: More than one schedule is set",
        ),
        ("crontab: 0 0 31 2 *", "crontab: No day of 31 exists in the months 2"),
        ("crontab: 0 0 1 1 *, timezone: Mars/Base", "crontab: The time zone 'Mars/Base' is not known"),
        ("interval: 1 microsecond", "interval: An interval of 1 microseconds is shorter than"),
        ("interval: 1 day, expires: 2020-01-01", "interval: it would never run"),
        ("interval: 1 day, args: '[1, 2'", "args: "),
        ("clocked: 2040-01-01, one_off: false", "one_off: a clocked time comes once"),
        (
            "interval: 1 day, expires: 2040-01-01, expire_seconds: 5",
            "expires: keep it, or expire_seconds: not both.",
        ),
    ],
)
def test_the_rules_of_the_admin_hold(fields, said, database, bring):
    text = f"version: 1\nschedules: {{a: {{task: t, {fields}}}}}"
    assert f"“a”: {said}" in wrong(bring, text)


def test_a_dry_run_writes_nothing(database, bring):
    said = bring(FILE, "--dry-run")
    assert said.endswith("4 created, 0 changed, 0 unchanged.\nThis was a dry run: nothing was written.\n")
    assert not PeriodicTask.objects.exists()


def test_what_the_file_lacks_is_left_or_disabled_or_deleted(bring, make_task, dispatcher):
    make_task("mine")
    make_task("celery.backend_cleanup")
    settle(dispatcher)
    assert "mine" not in bring(FILE)
    assert "- mine\n0 created, 0 changed, 1 disabled, 4 unchanged.\n" in bring(FILE, "--disable-missing")
    settle(dispatcher)
    assert not PeriodicTask.objects.get(name="mine").enabled
    assert NextRun.objects.get(periodic_task__name="mine").run_at is None
    assert bring(FILE, "--disable-missing") == "0 created, 0 changed, 4 unchanged.\n"
    assert "- mine\n0 created, 0 changed, 1 deleted, 4 unchanged.\n" in bring(FILE, "--prune")
    assert sorted(PeriodicTask.objects.values_list("name", flat=True)) == [
        "celery.backend_cleanup",
        "nightly",
        "once",
        "poll",
        "sunset",
    ]


def test_a_pause_outlives_an_import(database, bring):
    bring(FILE)
    until = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
    RunPolicy.objects.update(paused_until=until)
    assert export() == FILE
    bring(FILE.replace("jitter: 60", "jitter: 90"))
    assert RunPolicy.objects.get().paused_until == until
