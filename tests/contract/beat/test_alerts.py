"""What raises an alert, that it goes out once, and how it gets out of the house."""

import datetime as dt
import threading
import uuid

import pytest
from django.core import mail
from django.db import connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq import outcomes
from djtaskq.outcomes import Outcome
from djtaskq_beat import alerts as signals
from djtaskq_beat.alerting.raising import raise_overdue
from djtaskq_beat.alerting.sending import MOST, Sender
from djtaskq_beat.following import follow
from djtaskq_beat.models import Alert, FailureStreak, RunPolicy, TaskRun
from djtaskq_beat.tasks import deliver_alert
from tests.contract.beat.conftest import make_dispatcher, settle

SECOND = dt.timedelta(seconds=1)
MINUTE = 60 * SECOND
EVERY = ("run_missed", "run_late", "run_failed", "run_overdue")


@pytest.fixture
def heard():
    """The alerts that receivers were told of: the signal's name and what came with it."""
    told = []
    receivers = {name: lambda _name=name, **said: told.append((_name, said)) for name in EVERY}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    yield told
    for name, receiver in receivers.items():
        getattr(signals, name).disconnect(receiver)


@pytest.fixture
def known(monkeypatch):
    told: dict[str, Outcome] = {}
    monkeypatch.setattr(
        outcomes, "_readers", {"test": (0, lambda ids: {i: told[i] for i in ids if i in told})}
    )
    return told


@pytest.fixture
def make_run(make_task, clock):
    """Return a function that makes a run published `ago` seconds ago, to be asked about now."""
    tasks = {}

    def make(ago=1, name="task", state="published"):
        task = tasks.setdefault(name, tasks.get(name) or make_task(name))
        at = clock() - ago * SECOND
        return TaskRun.objects.create(
            periodic_task=task,
            name=name,
            slot=at,
            state=state,
            task_id=uuid.uuid4(),
            claimed_at=at,
            claimed_by="test:1",
            published_at=at,
            follow_at=at,
        )

    return make


@pytest.fixture
def make_alerts(make_run, clock):
    """Return a function that puts that many alerts on record, to be sent now."""

    def make(count=1, kind="late"):
        run = make_run(ago=3600)
        runs = TaskRun.objects.bulk_create(
            TaskRun(
                periodic_task_id=run.periodic_task_id,
                name="task",
                slot=run.slot + number * SECOND,
                state="published",
                claimed_at=run.slot,
                claimed_by="test:1",
            )
            for number in range(1, count + 1)
        )
        slots = [each.slot for each in runs]
        at = clock()
        Alert.objects.bulk_create(
            Alert(kind=kind, run_id=pk, text=f"alert {number}", raised_at=at, send_at=at)
            for number, pk in enumerate(
                TaskRun.objects.filter(slot__in=slots).order_by("slot").values_list("pk", flat=True)
            )
        )

    return make


class Broker:
    """Takes what is sent, unless it is away."""

    def __init__(self):
        self.taken = []
        self.away = False

    def __call__(self, task, args):
        if not self.away:
            self.taken.append((task, args))
        return not self.away


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def sender(database, broker):
    return Sender(broker, using=database)


def work(sender, most=50):
    for _ in range(most):
        if not sender.work():
            return
    raise AssertionError("there is always more to do")


def side_by_side(database, beat, count=3):
    """Run `beat` in that many threads at once, each with a connection of its own."""
    ready = threading.Barrier(count)
    failed = []

    def run():
        try:
            ready.wait()
            beat()
        except Exception as error:  # noqa: BLE001  it is the test's failure, told below
            failed.append(error)
        finally:
            connections[database].close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


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


class TestSending:
    def test_receivers_are_told_once(self, make_alerts, sender, heard, database):
        make_alerts(1, kind="missed")
        work(sender)
        work(Sender(Broker(), using=database))
        ((name, said),) = heard
        alert = Alert.objects.get()
        assert name == "run_missed"
        assert said["sender"] is TaskRun
        assert (said["alert"], said["run"], said["name"]) == (alert, alert.run, "task")
        assert alert.sent_at is not None
        assert alert.send_at is None

    def test_each_kind_has_its_signal(self, make_alerts, sender, heard):
        for kind in ("late", "failed", "overdue"):
            Alert.objects.all().delete()
            TaskRun.objects.all().delete()
            make_alerts(1, kind=kind)
            work(sender)
        assert [name for name, _ in heard] == ["run_late", "run_failed", "run_overdue"]

    def test_a_receiver_that_raises_stops_no_other(self, make_alerts, sender, heard, caplog):
        def broken(**_said):
            raise ValueError("a receiver's own fault")

        make_alerts(2)
        signals.run_late.connect(broken)
        try:
            work(sender)
        finally:
            signals.run_late.disconnect(broken)
        assert len(heard) == 2
        assert Alert.objects.filter(sent_at=None).count() == 0
        assert "a receiver's own fault" in caplog.text

    def test_slow_receivers_get_theirs_in_pieces(self, make_alerts, sender, heard, monkeypatch, broker):
        monkeypatch.setattr("djtaskq_beat.alerting.sending._RECEIVERS_SECONDS", -1)
        make_alerts(2)
        assert sender.work() is True
        assert heard == []
        monkeypatch.setattr("djtaskq_beat.alerting.sending._RECEIVERS_SECONDS", 1)
        work(sender)
        assert len(heard) == 2

    def test_one_whose_beat_was_killed_is_sent_by_another(self, make_alerts, heard, database, settings):
        settings.DJTASKQ = {"BEAT_ALERT_MAIL": True}
        make_alerts(1)
        killed = Broker()
        killed.away = True
        Sender(killed, using=database).work()
        other = Sender(Broker(), using=database)
        other.work()
        assert len(heard) == 1
        Alert.objects.update(send_at=F("send_at") - 61_000_000)
        work(other)
        assert len(heard) == 2
        assert Alert.objects.get().sent_at is not None

    def test_an_alert_of_a_run_that_is_gone_is_done_with(self, make_alerts, sender, heard):
        make_alerts(1)
        TaskRun.objects.all()._raw_delete(TaskRun.objects.db)
        work(sender)
        assert heard == []
        assert Alert.objects.get().sent_at is not None

    def test_with_none_to_send_it_is_one_statement(self, sender, make_alerts, database):
        make_alerts(1)
        Alert.objects.update(send_at=F("send_at") + 60_000_000)
        with CaptureQueriesContext(connections[database]) as captured:
            assert sender.work() is False
        assert len(captured) == 1

    def test_three_beats_send_each_once(self, app, make_alerts, heard, database):
        make_alerts(30)
        side_by_side(database, lambda: work(Sender(Broker(), using=database)))
        assert sorted(said["alert"].text for _, said in heard) == sorted(
            f"alert {number}" for number in range(30)
        )

    def test_three_beats_that_find_the_same_raise_it_once(
        self, app, make_run, known, database, settings, monkeypatch
    ):
        settings.DJTASKQ = {"BEAT_ALERT_OVERDUE": 60.0}
        runs = [make_run(ago=90 + number) for number in range(5)]
        found = list(TaskRun.objects.all())
        for run in found:
            run.now = run.published_at + 2 * MINUTE
        side_by_side(database, lambda: raise_overdue(found, database))
        assert Alert.objects.count() == len(runs)


class TestDelivery:
    def test_nothing_leaves_the_house_unless_it_is_to(self, make_alerts, sender, broker):
        make_alerts(1)
        work(sender)
        assert broker.taken == []

    def test_a_storm_is_a_message_for_each_batch(self, make_alerts, sender, broker, settings):
        settings.DJTASKQ = {"BEAT_ALERT_MAIL": True}
        make_alerts(MOST + 10)
        work(sender)
        assert [args[1]["count"] for _, args in broker.taken] == [MOST, 10]
        assert {task for task, _ in broker.taken} == {"djtaskq_beat.tasks.deliver_alert"}

    def test_while_the_broker_is_away_they_wait(self, make_alerts, sender, broker, heard, settings):
        settings.DJTASKQ = {"BEAT_ALERT_MAIL": True}
        make_alerts(3)
        broker.away = True
        for _ in range(3):
            assert sender.work() is False
        assert len(heard) == 3
        assert Alert.objects.filter(sent_at=None).count() == 3
        broker.away = False
        work(sender)
        assert len(broker.taken) == 1
        assert len(heard) == 3
        assert not Alert.objects.filter(sent_at=None).exists()

    def test_mail_goes_to_the_admins(self, make_alerts, sender, broker, settings):
        settings.DJTASKQ = {"BEAT_ALERT_MAIL": True}
        settings.ADMINS = [("Ada", "ada@example.org")]
        make_alerts(25)
        work(sender)
        ((_, args),) = broker.taken
        deliver_alert(*args)
        (letter,) = mail.outbox
        assert letter.to == ["ada@example.org"]
        assert "25 late" in letter.subject
        assert letter.body.count("- alert") == 20
        assert "and 5 more" in letter.body

    def test_the_message_goes_through_the_beats_own_broker(
        self, dispatcher, make_alerts, sent, settings, database
    ):
        settings.DJTASKQ = {"BEAT_ALERT_MAIL": True}
        make_alerts(1)
        work(Sender(dispatcher.publisher.send, using=database))
        (message,) = sent()
        assert message["task"] == "djtaskq_beat.tasks.deliver_alert"
        channel, digest = message["args"]
        assert (channel, digest["count"], digest["alerts"][0]["text"]) == ("mail", 1, "alert 0")


def test_a_dispatcher_sends_what_it_raised(app, database, make_task, make_due, heard):
    dispatcher = make_dispatcher(app, database)
    make_task(every=600)
    settle(dispatcher)
    make_due(700)
    settle(dispatcher)
    assert heard == []
    make_dispatcher(app, database).step()
    other = make_dispatcher(app, database)
    for _ in range(20):
        other.step()
    assert [name for name, _ in heard] == ["run_late"]
