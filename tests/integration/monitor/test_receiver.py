"""The camera's receiver in this process, on real brokers: what it takes, and what it leaves there."""

import contextlib
import threading

import pytest
from celery import Celery
from django.test import override_settings

from djtaskq_monitor.recording.missed import Missed
from djtaskq_monitor.recording.receipts import Receipts
from djtaskq_monitor.recording.receiver import EVENTS_PER_MESSAGE, Receiver
from djtaskq_monitor.recording.recorder import Pending, Recorder
from tests.waiting import eventually

LIMIT = 240
WINDOW = 10
SENT = 300


class World:
    """A receiver that runs in a thread, and a worker's dispatcher."""

    def __init__(self, app):
        self.app = app
        self.recorder, self.receipts = Recorder(LIMIT), Receipts()
        self.missed, self.away = Missed(), []
        self.hurried = self.finished = 0
        made = app.subclass_with_self(
            Receiver,
            reverse="events.Receiver",
            recorder=self.recorder,
            receipts=self.receipts,
            missed=self.missed,
            was_away=lambda since, until: self.away.append((since, until)),
            hurry=self.hurry,
            finish=self.finish,
            host="receivers",
        )
        self.connection = app.connection_for_read()
        self.receiver = made(self.connection)

    def hurry(self):
        self.hurried += 1

    def finish(self):
        self.finished += 1

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self.receiver.capture)
        thread.start()
        try:
            eventually(lambda: self.receiver.taking)
            yield
        finally:
            self.receiver.stop()
            thread.join(30)
            self.connection.release()
        assert not thread.is_alive()

    def send(self, first, last):
        with self.app.connection_for_write() as connection, self.app.events.Dispatcher(connection) as told:
            for number in range(first, last):
                told.send("task-started", uuid=f"t{number}")
            told.flush()

    def written(self):
        """Write, as far as the receiver can tell."""
        mark = self.receipts.mark()
        self.recorder.swap()
        self.recorder.put_back(Pending())
        self.receipts.settle(mark)

    def ready(self):
        with self.app.connection_for_read() as connection:
            queue = self.receiver.queue.bind(connection.default_channel)
            return queue.queue_declare(passive=True).message_count


@pytest.fixture
def world(broker_url, request):
    with Celery("receivers", broker=broker_url, set_as_current=False) as app:
        if broker_url.startswith("filesystem"):
            options = request.getfixturevalue("filesystem_broker_options")
            app.conf.broker_transport_options = options | {"polling_interval": 0.01}
        made = World(app)
        yield made
        if made.receiver.keeping:
            with app.connection_for_read() as connection:
                made.receiver.queue.bind(connection.default_channel).delete()


@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
def test_rabbitmq_hands_out_no_more_than_there_is_room_for_and_the_rest_once_it_is_written(world):
    with world.running():
        world.send(0, 5 * WINDOW)
        eventually(lambda: world.recorder.received == WINDOW and world.ready() == 4 * WINDOW)
        eventually(lambda: world.hurried)
        while world.recorder.received < 5 * WINDOW:
            world.written()
        eventually(lambda: world.ready() == 0)
        assert world.recorder.dropped == 0
    assert world.finished == 1


@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
def test_what_was_not_written_comes_again_from_rabbitmq(world):
    with world.running():
        world.send(0, WINDOW)
        eventually(lambda: world.recorder.received == WINDOW)
    again = World(world.app)
    with again.running():
        eventually(lambda: again.recorder.received == WINDOW)
        again.written()
    assert again.ready() == 0


@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
def test_a_message_that_is_no_event_is_acknowledged_too(world):
    with world.running():
        with world.app.connection_for_write() as connection, connection.Producer() as producer:
            producer.publish(
                b"\xff{",
                exchange=world.receiver.exchange,
                routing_key="task.started",
                content_type="application/json",
                content_encoding="utf-8",
            )
        eventually(lambda: world.recorder.rejected)
        world.written()
        eventually(lambda: not world.receipts.open)
    assert world.ready() == 0


@pytest.mark.parametrize("broker_url", ["filesystem"], indirect=True)
def test_files_are_left_where_they_are_while_there_is_no_room(world):
    with world.running():
        world.send(0, SENT)
        eventually(lambda: world.recorder.room < EVENTS_PER_MESSAGE and world.hurried > 1)
        assert world.recorder.received <= LIMIT
        world.written()
        eventually(lambda: world.recorder.received == SENT)
    assert world.recorder.dropped == 0


@pytest.mark.parametrize("broker_url", ["redis"], indirect=True)
def test_redis_cannot_wait_and_what_is_dropped_is_counted(world):
    with world.running():
        world.send(0, SENT)
        eventually(lambda: world.recorder.received == SENT)
        assert world.recorder.dropped == SENT - LIMIT


@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
def test_a_queue_made_with_other_settings_is_made_anew(world, caplog):
    with world.running():
        pass
    with override_settings(DJTASKQ={"MONITOR_QUEUE_TTL": 500}):
        again = World(world.app)
    with again.running():
        again.send(0, 1)
        eventually(lambda: again.recorder.received == 1)
    assert "which was made with other settings" in caplog.text
