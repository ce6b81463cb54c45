"""What becomes of a broker's answers: rows, lengths by the minute, and their end."""

import datetime as dt
import logging
import socket
import time

import pytest
from celery import Celery
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq_monitor.brokers import expiry, names, writing
from djtaskq_monitor.brokers.figures import ABSENT, Figures, failed
from djtaskq_monitor.brokers.watching import Watch
from djtaskq_monitor.control.asking import NoRemoteControl
from djtaskq_monitor.models import QueueSample, QueueState, Series, TaskState, WorkerState
from djtaskq_monitor.recording import given

AT = dt.datetime(2026, 11, 21, 20, 5, 10, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def write(database, at=AT, **answers):
    writing.write(answers, at, using=database)


def row(name="q"):
    return QueueState.objects.get(name=name)


def test_the_later_answer_stands_whichever_comes_first(database):
    write(database, AT + SECOND, q=Figures(length=2, consumers=1))
    write(database, q=Figures(length=9, unacked=4))
    assert (row().length, row().unacked, row().consumers, row().told) == (2, None, 1, AT + SECOND)
    write(database, AT + 2 * SECOND, q=Figures(length=0, unacked=3))
    assert (row().length, row().unacked, row().consumers) == (0, 3, None)


def test_a_failure_keeps_what_was_told_before_and_an_answer_ends_it(database):
    write(database, q=Figures(length=2))
    write(database, AT + SECOND, q=failed("no <b>\x00"), other=Figures(length=1))
    assert (row().length, row().told, row().asked) == (2, AT, AT + SECOND)
    assert row().problem == "no <b>�"
    assert row("other").problem == ""
    writing.fail({"new": "away"}, AT + SECOND, using=database)
    assert (row("new").length, row("new").told, row("new").problem) == (None, None, "away")
    write(database, AT + 2 * SECOND, q=ABSENT)
    assert (row().problem, row().length, row().told) == ("", 0, AT + 2 * SECOND)


def test_of_a_minute_the_greatest_length_is_kept(database):
    for seconds, length in ((0, 3), (10, 7), (20, 5), (50, 1)):
        write(database, AT + seconds * SECOND, q=Figures(length=length), silent=Figures())
    samples = QueueSample.objects.order_by("at").values_list("queue__name", "at", "length")
    minute = AT.replace(second=0)
    assert list(samples) == [("q", minute, 7), ("q", minute + 60 * SECOND, 1)]


def test_the_oldest_message_is_dated_by_the_event_that_sent_it(database):
    for number, task_id in enumerate(("one", "two")):
        sent = AT - dt.timedelta(minutes=10 - number)
        TaskState.objects.create(task_id=task_id, state="PENDING", tstamp=sent, sent=sent)
    told = AT - dt.timedelta(hours=1)
    write(
        database,
        q=Figures(length=2, heads=("two", "one", "nobody")),
        dated=Figures(length=2, heads=("one",), oldest=told),
    )
    assert row().oldest == AT - dt.timedelta(minutes=10)
    assert row("dated").oldest == told


def test_a_turn_costs_the_same_statements_however_many_queues_there_are(database):
    def statements(answers):
        with CaptureQueriesContext(connections[database]) as captured:
            writing.write(answers, timezone.now(), using=database)
        return len(captured)

    few = statements({"a": Figures(length=1, heads=("t",)), "b": failed("no")})
    many = {f"q{number}": Figures(length=1, heads=(f"t{number}",)) for number in range(200)}
    assert statements(many | {"b": failed("no")}) == few <= 5


def test_old_lengths_go_and_queues_that_nobody_asks_for(database):
    now = timezone.now()
    write(database, now - dt.timedelta(days=9), gone=Figures(length=1), q=Figures(length=1))
    write(database, now, q=Figures(length=2))
    assert expiry.expire(using=database) == 3
    assert list(QueueSample.objects.values_list("queue__name", "length")) == [("q", 2)]
    with override_settings(DJTASKQ={"MONITOR_QUEUES_KEEP": None}):
        assert expiry.expire(using=database) == 0


def test_every_source_of_names_is_asked_and_there_is_an_end(database, monkeypatch):
    app = Celery("names", broker="memory://", set_as_current=False)
    app.conf.task_default_queue = "configured"
    write(database, still=Figures(length=1), empty=Figures(length=0))
    WorkerState.objects.merge([given.worker_queues("w@h", ["of-worker", "configured"], timezone.now())])
    for number, (name, queue) in enumerate(
        [("(all)", "counted"), ("(all)", "(other)"), ("add", "not-alone")]
    ):
        Series.objects.create(name=name, queue=queue, worker="(all)", digest=str(number))
    with override_settings(DJTASKQ={"MONITOR_QUEUES": ["more", "x\x00"]}):
        assert names.queue_names(app, using=database) == [
            *("more", "configured", "of-worker", "still", "counted"),
        ]
        monkeypatch.setattr(names, "MOST", 2)
        assert names.queue_names(app, using=database) == ["more", "configured"]


@pytest.fixture
def app():
    with Celery("watch", broker="memory://", set_as_current=False) as made:
        made.conf.task_default_queue = "watched"
        yield made


def test_of_two_cameras_one_asks(database, app):
    first, second = Watch(app), Watch(app)
    first.turn()
    asked = row("watched").asked
    second.turn()
    assert row("watched").asked == asked
    first.turn()
    assert row("watched").asked > asked


def test_a_broker_that_is_away_is_in_the_rows_and_once_in_the_log(database, caplog):
    app = Celery("away", broker="redis://127.0.0.1:1/", set_as_current=False)
    app.conf.task_default_queue = "watched"
    watch = Watch(app)
    with caplog.at_level(logging.WARNING):
        watch.turn()
        watch.turn()
    assert "The broker does not answer" in row("watched").problem
    assert len([record for record in caplog.records if "at present" in record.message]) == 1


def test_workers_that_cannot_be_asked_cost_no_figures_and_are_told_once(database, app, caplog, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise NoRemoteControl(transport="this one")

    monkeypatch.setattr("djtaskq_monitor.brokers.workers.ask", refuse)
    WorkerState.objects.merge([given.worker_change("w@h", timezone.now())])
    watch = Watch(app)
    for _turn in range(2):
        watch._workers._asked.clear()
        watch.turn()
    assert row("watched").length == 0
    assert caplog.text.count("has no broadcast") == 1


def test_a_database_that_refuses_ends_nothing(database, app, caplog):
    with connections[database].schema_editor() as editor:
        editor.alter_db_table(QueueState, QueueState._meta.db_table, "elsewhere")
    try:
        watch = Watch(app)
        watch.turn()
    finally:
        with connections[database].schema_editor() as editor:
            editor.alter_db_table(QueueState, "elsewhere", QueueState._meta.db_table)
    assert "Queues were not written" in caplog.text
    watch.turn()
    assert row("watched").length == 0


def test_a_thread_that_is_told_to_stop_has_ended_soon(database, app):
    watch = Watch(app)
    watch.start()
    watch.stop()
    assert not watch.is_alive()


def test_a_question_that_is_under_way_does_not_hold_up_the_end(database, monkeypatch):
    monkeypatch.setattr("djtaskq_monitor.brokers.choosing.CONNECT_SECONDS", 60)
    monkeypatch.setattr("djtaskq_monitor.brokers.broker.CONNECT_SECONDS", 60)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}/"
        watch = Watch(Celery("mute", broker=url, set_as_current=False))
        watch.start()
        connection, _address = silent.accept()
        started = time.monotonic()
        watch.stop()
        assert time.monotonic() - started < 5
        connection.close()
    watch.join(20)
    assert not watch.is_alive()


def test_nobody_is_asked_where_the_setting_says_so(database, app):
    with override_settings(DJTASKQ={"MONITOR_QUEUES_SECONDS": None}):
        watch = Watch(app)
        watch.start()
    assert not watch.is_alive()
    watch.stop()
