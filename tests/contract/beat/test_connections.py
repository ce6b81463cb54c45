"""How often a beat connects."""

import pytest
from django.db import connections
from django.db.backends.signals import connection_created

from djtaskq_beat.models import NextRun
from djtaskq_beat.schedulers import DatabaseScheduler
from tests.waiting import eventually


@pytest.fixture
def scheduler(app, database):
    scheduler = DatabaseScheduler(app=app)
    yield scheduler
    scheduler.close()


@pytest.fixture
def connected(database):
    """The connections that were made since: one entry each."""
    made = []

    def receive(connection, **_signal):
        if connection is connections[database]:
            made.append(connection.alias)

    connection_created.connect(receive)
    yield made
    connection_created.disconnect(receive)


@pytest.fixture
def kept(request, database):
    """Have Django keep connections as long as the test's parameter says."""
    settings = connections[database].settings_dict
    before = settings["CONN_MAX_AGE"]
    settings["CONN_MAX_AGE"] = request.param
    connections[database].close()
    yield
    settings["CONN_MAX_AGE"] = before


@pytest.mark.parametrize("kept", [0, None], indirect=True)
def test_an_idle_beat_connects_at_most_once_a_minute(kept, scheduler, connected, database, make_task):
    make_task(every=3600)
    eventually(scheduler.tick)
    del connected[:]
    for _ in range(50):
        scheduler.tick()
    assert connected == []
    scheduler._connected_at -= 61
    for _ in range(50):
        scheduler.tick()
    assert len(connected) <= 1


@pytest.mark.parametrize("kept", [0, None], indirect=True)
def test_a_session_that_the_server_ended_is_replaced_and_the_tick_survives(
    kept, scheduler, connected, database
):
    if database == "sqlite":
        return  # a file has no session
    eventually(scheduler.tick)
    del connected[:]
    end_session(database)
    scheduler.tick()
    eventually(scheduler.tick)
    assert connected == [database]


def end_session(alias):
    """As an administrator does, from another session."""
    asks, ends = {
        "default": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend(%s, 5000)"),
        "mariadb": ("SELECT connection_id()", "KILL %s"),
    }[alias]
    with connections[alias].cursor() as cursor:
        cursor.execute(asks)
        (session,) = cursor.fetchone()
    other = connections[alias].copy()
    with other.cursor() as cursor:
        cursor.execute(ends, [session])
    other.close()


class Lost:
    """A driver's cursor that finds, when it is closed, that the connection is lost."""

    def __init__(self, cursor, error):
        self._cursor, self._error = cursor, error

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def __iter__(self):
        return iter(self._cursor)

    def close(self):
        self._cursor.close()
        raise self._error


def test_a_tick_survives_what_the_driver_raises_of_a_cursor_that_it_closes(
    scheduler, database, make_task, monkeypatch, caplog
):
    make_task()
    eventually(scheduler.tick)
    connection = connections[database]
    error = connection.Database.OperationalError(2006, "Server has gone away")
    create_cursor = connection.create_cursor
    with monkeypatch.context() as broken:
        broken.setattr(connection, "create_cursor", lambda name=None: Lost(create_cursor(name), error))
        with pytest.raises(connection.Database.OperationalError):
            NextRun.objects.exists()
        assert scheduler.tick() > 0
        scheduler.close()
    assert "Server has gone away" in caplog.text
    assert eventually(scheduler.tick) > 0
