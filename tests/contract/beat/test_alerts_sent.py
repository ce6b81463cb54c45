"""That an alert goes out once, and how it gets out of the house."""

import datetime as dt

import django
import pytest
from django.core import mail
from django.db import connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from djtaskq_beat import alerts as signals
from djtaskq_beat.alerting.raising import raise_overdue
from djtaskq_beat.alerting.sending import MOST, Sender
from djtaskq_beat.models import Alert, TaskRun
from djtaskq_beat.tasks import deliver_alert
from tests.contract.beat.conftest import make_dispatcher, settle, side_by_side

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
        # Names beside the addresses are asked for before Django 6.0, and deprecated from then on.
        settings.ADMINS = ["ada@example.org"] if django.VERSION >= (6,) else [("Ada", "ada@example.org")]
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
