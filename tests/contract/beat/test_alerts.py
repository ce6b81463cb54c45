"""What raises an alert, once, whoever finds it."""

import datetime as dt

import pytest
from django.db import connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq.outcomes import Outcome
from djtaskq_beat.following import follow
from djtaskq_beat.models import Alert, FailureStreak, RunPolicy, TaskRun
from tests.contract.beat.conftest import settle, side_by_side

SECOND = dt.timedelta(seconds=1)
MINUTE = 60 * SECOND


def raised():
    return list(Alert.objects.order_by("pk").values_list("kind", "run__slot"))


def ends(known, database, *runs, state="FAILURE", error="ValueError: no"):
    for run in runs:
        known[str(run.task_id)] = Outcome(state=state, error=error, finished=run.slot + SECOND)
    TaskRun.objects.filter(follow_at__isnull=False).update(follow_at=F("published_at"))
    follow(database)


class TestMissed:
    def test_slots_that_passed_raise_one(self, dispatcher, make_task, make_due):
        make_task(every=60)
        settle(dispatcher)
        make_due(185)
        settle(dispatcher)
        missed = TaskRun.objects.get(state="missed")
        (alert,) = Alert.objects.filter(kind="missed")
        assert alert.run_id == missed.pk
        assert alert.text.startswith("task: every run from ")
        assert missed.reason in alert.text
        assert alert.send_at is not None
        assert alert.sent_at is None

    def test_it_can_be_turned_off(self, dispatcher, make_task, make_due, settings):
        settings.DJTASKQ = {"BEAT_ALERT_MISSED": False, "BEAT_ALERT_LATE": None}
        make_task(every=60)
        settle(dispatcher)
        make_due(185)
        settle(dispatcher)
        assert TaskRun.objects.filter(state="missed").exists()
        assert raised() == []

    def test_what_was_skipped_on_purpose_raises_none(self, dispatcher, make_task, clock):
        task = make_task(every=60)
        RunPolicy.objects.create(periodic_task=task, paused_until=clock() + 10 * MINUTE)
        settle(dispatcher)
        TaskRun.objects.create(
            periodic_task=task, name="task", slot=clock(), state="skipped", claimed_at=clock(), claimed_by="x"
        )
        assert raised() == []

    def test_a_run_that_could_not_be_published_in_time_raises_one(self, dispatcher, make_task, make_run):
        make_run(ago=600, state="claimed")
        TaskRun.objects.update(retry_at=F("slot"), published_at=None)
        settle(dispatcher)
        assert TaskRun.objects.get(state="missed").alerts.get().kind == "missed"


class TestLate:
    @pytest.mark.parametrize(
        ("late_after", "setting", "late", "alerts"),
        [
            (None, 60.0, 30, 0),
            (None, 60.0, 90, 1),
            (None, None, 90, 0),
            (10, None, 30, 1),
            (100, 60.0, 90, 0),
        ],
    )
    def test_as_its_policy_or_the_setting_says(
        self, *, late_after, setting, late, alerts, dispatcher, make_task, make_due, settings
    ):
        settings.DJTASKQ = {"BEAT_ALERT_LATE": setting}
        task = make_task(every=600)
        if late_after:
            RunPolicy.objects.create(periodic_task=task, late_after=late_after)
        settle(dispatcher)
        make_due(600 + late)
        settle(dispatcher)
        assert TaskRun.objects.get().state == "published"
        assert Alert.objects.filter(kind="late").count() == alerts

    def test_a_run_that_another_beat_had_left_behind(self, dispatcher, make_run, clock):
        run = make_run(ago=90, state="claimed")
        TaskRun.objects.update(retry_at=F("slot"), published_at=None, follow_at=None)
        PeriodicTask.objects.update(interval=IntervalSchedule.objects.create(every=1, period="hours"))
        settle(dispatcher)
        alert = Alert.objects.get(kind="late")
        assert alert.run_id == run.pk
        assert "s late" in alert.text

    def test_runs_by_hand_are_never_late(self, dispatcher, make_run):
        make_run(ago=3600, state="claimed")
        TaskRun.objects.update(retry_at=F("slot"), published_at=None, follow_at=None, trigger="manual")
        settle(dispatcher)
        assert TaskRun.objects.get().state == "published"
        assert raised() == []

    def test_a_batch_in_time_takes_no_statement_more(self, dispatcher, make_task, make_due, database):
        def stamped(late_by):
            make_due(600 + late_by)
            dispatcher._due_at = 0
            with CaptureQueriesContext(connections[database]) as captured:
                assert dispatcher.step() == 0
            return [query["sql"] for query in captured if "published_at" in query["sql"]]

        make_task(every=600)
        settle(dispatcher)
        in_time = stamped(1)
        assert not any("alert" in sql for sql in in_time)
        assert len(stamped(90)) > len(in_time)


class TestFailed:
    def test_the_first_failure_of_each_streak_raises_one(self, make_run, known, database):
        runs = [make_run(ago=100 - 10 * number) for number in range(6)]
        ends(known, database, runs[0])
        ends(known, database, runs[1])
        ends(known, database, runs[2], state="SUCCESS")
        ends(known, database, *runs[3:5])
        assert raised() == [("failed", runs[0].slot), ("failed", runs[3].slot)]
        assert "ValueError: no" in Alert.objects.first().text

    def test_the_run_that_makes_it_as_many_as_the_policy_says(self, make_run, known, database):
        runs = [make_run(ago=100 - 10 * number) for number in range(6)]
        RunPolicy.objects.create(periodic_task=runs[0].periodic_task, failures=3)
        ends(known, database, *runs[:2])
        assert raised() == []
        ends(known, database, *runs[2:])
        assert raised() == [("failed", runs[2].slot)]
        assert "3 failures in a row" in Alert.objects.get().text
        assert FailureStreak.objects.get().failures == 6

    def test_none_where_the_setting_says_so(self, make_run, known, database, settings):
        settings.DJTASKQ = {"BEAT_ALERT_FAILURES": None}
        ends(known, database, make_run())
        assert raised() == []

    @pytest.mark.parametrize("state", ["REVOKED", "REJECTED", "IGNORED"])
    def test_a_task_that_was_stopped_changes_no_streak(self, state, make_run, known, database, settings):
        settings.DJTASKQ = {"BEAT_ALERT_FAILURES": 2}
        runs = [make_run(ago=100 - 10 * number) for number in range(3)]
        ends(known, database, runs[0])
        ends(known, database, runs[1], state=state)
        assert raised() == []
        ends(known, database, runs[2])
        assert raised() == [("failed", runs[2].slot)]

    def test_schedules_are_counted_each_for_itself(self, make_run, known, database, settings):
        settings.DJTASKQ = {"BEAT_ALERT_FAILURES": 2}
        runs = [make_run(name="one"), make_run(name="two"), make_run(name="three")]
        ends(known, database, *runs)
        assert raised() == []
        assert FailureStreak.objects.filter(failures=1).count() == 3

    def test_three_beats_count_each_failure_once(self, make_run, known, database, settings):
        settings.DJTASKQ = {"BEAT_ALERT_FAILURES": 20}
        runs = [make_run(ago=100 - number) for number in range(30)]
        known.update({str(run.task_id): Outcome(state="FAILURE") for run in runs})
        side_by_side(database, lambda: [follow(database, most=2) for _ in range(20)])
        assert TaskRun.objects.filter(outcome="FAILURE").count() == 30
        assert FailureStreak.objects.get().failures == 30
        assert Alert.objects.filter(kind="failed").count() == 1

    def test_successes_alone_keep_no_count(self, make_run, known, database):
        ends(known, database, make_run(), make_run(ago=5), state="SUCCESS")
        assert not FailureStreak.objects.exists()


class TestOverdue:
    @pytest.mark.parametrize(
        ("overdue_after", "setting", "alerts"),
        [(None, None, 0), (None, 60.0, 1), (30, None, 1), (600, 60.0, 0)],
    )
    def test_as_its_policy_or_the_setting_says(
        self, *, overdue_after, setting, alerts, make_run, known, database, settings
    ):
        settings.DJTASKQ = {"BEAT_ALERT_OVERDUE": setting}
        run = make_run(ago=90)
        if overdue_after:
            RunPolicy.objects.create(periodic_task=run.periodic_task, overdue_after=overdue_after)
        follow(database)
        assert Alert.objects.filter(kind="overdue").count() == alerts

    def test_one_that_ended_is_not_overdue(self, make_run, known, database, settings):
        settings.DJTASKQ = {"BEAT_ALERT_OVERDUE": 60.0}
        ends(known, database, make_run(ago=90), state="SUCCESS")
        assert raised() == []

    def test_however_often_it_is_seen_it_is_one_alert(self, make_run, known, database, settings):
        settings.DJTASKQ = {"BEAT_ALERT_OVERDUE": 60.0}
        make_run(ago=90)
        for _ in range(3):
            follow(database)
            TaskRun.objects.update(follow_at=F("published_at"))
        assert Alert.objects.count() == 1
