"""How the triggers come and go, and what is said where they are not."""

import datetime as dt

from django.core import checks
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

from djtaskq.db.triggers import TriggersRefused
from djtaskq_beat.models import NextRun
from djtaskq_beat.reconciliation import Reconciliation
from djtaskq_beat.triggers import TRIGGERS, forget_active


def test_beat_says_once_that_the_triggers_vanished_and_goes_on(make_task, database, caplog):
    caplog.set_level("INFO", "celery.beat")
    make_task()
    look = Reconciliation(database)
    assert look() == 0
    TRIGGERS.drop(database)
    try:
        PeriodicTask.objects.update(start_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        NextRun.objects.update(changed_at=None, planned_from="other")
        assert look() == 1
        look()
    finally:
        TRIGGERS.install(database)
    look()
    assert [record.levelname for record in caplog.records if "triggers" in record.message] == [
        "WARNING",
        "INFO",
    ]
    assert "no longer in the database" in caplog.text


def test_the_way_back_leaves_nothing_of_us_in_their_tables(make_task, database):
    task = make_task()
    try:
        call_command("migrate", "djtaskq_beat", "zero", database=database, verbosity=0)
        assert len(TRIGGERS.missing(database)) == 10
        assert TRIGGERS.drop(database) is False
        forget_active(database)
        PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
        PeriodicTask.objects.bulk_create(
            [PeriodicTask(name="other", task="tests.add", interval=task.interval)]
        )
    finally:
        call_command("migrate", "djtaskq_beat", database=database, verbosity=0)
    assert TRIGGERS.missing(database) == []
    assert {known.periodic_task.name for known in NextRun.objects.all()} == {"other"}


def test_migrate_goes_on_where_the_database_takes_no_triggers(
    database, without_triggers, monkeypatch, caplog
):
    def refuse(_using):
        raise TriggersRefused(reason="TRIGGER command denied")

    with monkeypatch.context() as patched:
        patched.setattr(TRIGGERS, "install", refuse)
        call_command("migrate", database=database, verbosity=0)
    assert "TRIGGER command denied" in caplog.text
    assert "log_bin_trust_function_creators=1" in caplog.text


def test_a_check_says_where_the_triggers_are_missing(database, without_triggers):
    def found():
        messages = checks.run_checks(tags=[checks.Tags.database], databases=[database])
        return [message for message in messages if message.id == "djtaskq_beat.W003"]

    assert [repr(database) in message.msg for message in found()] == [True]
    TRIGGERS.install(database)
    assert found() == []
