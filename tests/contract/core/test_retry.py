"""Errors as the servers and drivers really raise them, and what `djtaskq.db.retry` makes of them."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connections, transaction

from djtaskq.db.retry import Cause, cause, discard, retrying
from tests.models import Note

SERVERS = pytest.mark.parametrize(
    "database", ["default", "mariadb"], indirect=True, ids=["postgresql", "mariadb"]
)


@pytest.fixture
def other(database):
    """A second connection to the same database."""
    connection = connections[database].copy()
    yield connection
    connection.close()


def terminate(using, other):
    """End the test's connection from the outside, as an administrator or a restart does."""
    connection = connections[using]
    mysql = connection.vendor == "mysql"
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()" if mysql else "SELECT pg_backend_pid()")
        (number,) = cursor.fetchone()
    with other.cursor() as cursor:
        cursor.execute("KILL %s" if mysql else "SELECT pg_terminate_backend(%s, 5000)", [number])


@SERVERS
def test_a_connection_that_was_ended_is_an_outage(database, other):
    Note.objects.count()
    terminate(database, other)
    with pytest.raises(DatabaseError) as caught:
        Note.objects.count()
    assert cause(caught.value) is Cause.OUTAGE
    discard(database)


@SERVERS
def test_work_is_done_again_on_a_new_connection_after_an_outage(database, other):
    Note.objects.count()
    terminate(database, other)
    seen = []
    made = retrying(
        lambda: Note.objects.create(key="a"),
        connections[database],
        seconds=10,
        on_retry=lambda why, _error: seen.append(why),
    )
    assert made.pk
    assert seen == [Cause.OUTAGE]


@SERVERS
def test_a_connection_that_this_side_closed_is_an_outage(database):
    Note.objects.count()
    connections[database].connection.close()
    with pytest.raises(Exception) as caught:  # noqa: PT011  each driver has its own
        Note.objects.count()
    assert cause(caught.value) is Cause.OUTAGE
    discard(database)
    assert Note.objects.count() == 0


@SERVERS
def test_a_server_that_is_not_there_is_an_outage(database):
    connection = connections[database].copy()
    connection.settings_dict = {**connection.settings_dict, "HOST": "127.0.0.1", "PORT": "1"}
    with pytest.raises(OperationalError) as caught:
        connection.ensure_connection()
    assert cause(caught.value) is Cause.OUTAGE


@SERVERS
def test_a_wrong_password_is_neither(database):
    connection = connections[database].copy()
    connection.settings_dict = {**connection.settings_dict, "USER": "nobody-of-that-name", "PASSWORD": "x"}
    with pytest.raises(DatabaseError) as caught:
        connection.ensure_connection()
    assert cause(caught.value) is not Cause.CONFLICT


@SERVERS
def test_a_deadlock_is_a_conflict(database):
    for key in "ab":
        Note.objects.create(key=key)
    both = threading.Barrier(2)
    causes = []

    def work(first, second):
        try:
            with transaction.atomic(using=database):
                Note.objects.filter(key=first).update(number=1)
                both.wait(20)
                Note.objects.filter(key=second).update(number=2)
        except DatabaseError as error:
            causes.append(cause(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=keys) for keys in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert causes == [Cause.CONFLICT]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_locked_sqlite_file_is_a_conflict(database, other):
    other.settings_dict = {**other.settings_dict, "OPTIONS": {"timeout": 0.05}}
    with transaction.atomic(using=database):
        Note.objects.create(key="a")
        with pytest.raises(OperationalError) as caught, other.cursor() as cursor:
            cursor.execute("DELETE FROM tests_note")
    assert cause(caught.value) is Cause.CONFLICT


def test_a_broken_rule_is_not_tried_again(database):
    Note.objects.create(key="a")
    tries = []

    def work():
        tries.append(1)
        Note.objects.create(key="a")

    with pytest.raises(IntegrityError) as caught:
        retrying(work, connections[database], seconds=10)
    assert cause(caught.value) is None
    assert len(tries) == 1


def test_a_statement_that_makes_no_sense_is_not_tried_again(database):
    with pytest.raises(DatabaseError) as caught:
        Note.objects.extra(where=["connection terminated closed"]).count()
    assert cause(caught.value) is None


def test_something_else_than_a_database_error_passes_through(database):
    with pytest.raises(ZeroDivisionError):
        retrying(lambda: 1 // 0, connections[database], seconds=10)
    assert cause(ZeroDivisionError()) is None


def test_the_time_is_bounded_and_the_last_error_raised(database):
    pauses = []

    def work():
        raise OperationalError(2006, "server has gone away")

    with pytest.raises(OperationalError):
        retrying(work, connections[database], seconds=0.5, sleep=pauses.append)
    assert not pauses or all(pause <= 0.5 for pause in pauses)


def test_pauses_grow_up_to_a_bound_and_differ(database):
    pauses = []

    def work():
        if len(pauses) < 12:
            raise OperationalError(2006, "server has gone away")

    retrying(work, connections[database], seconds=3_600, sleep=pauses.append)
    assert pauses[0] < 0.1
    assert 2.5 <= pauses[-1] <= 5
    assert len(set(pauses)) == len(pauses)
