"""A connection beside the caller's, kept from task to task where a process asks for that."""

import pytest
from django.db import connections, transaction

from djtaskq.db import aside
from djtaskq.db.features import features


@pytest.fixture
def keep(database):
    forget(database)  # whatever another test had it made for
    yield aside.keep
    aside.keep(0)
    forget(database)


def forget(database):
    if hasattr(connections._connections, database + aside.SUFFIX):
        connections[database + aside.SUFFIX].close()
        del connections[database + aside.SUFFIX]


def ask(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def as_celery_does_around_a_task():
    for connection in connections.all(initialized_only=True):
        connection.close()


def test_without_being_asked_the_callers_own_is_used(database):
    assert aside.outside(database) is connections[database]


def test_one_that_is_kept_outlives_a_task(keep, database):
    keep(600)
    beside = aside.outside(database)
    ask(beside)
    session = beside.connection
    as_celery_does_around_a_task()
    aside.close_obsolete()
    assert aside.outside(database) is beside
    if features(database).single_writer:
        assert beside.alias == database
    else:
        assert beside.connection is session


def test_it_is_replaced_in_time(keep, database):
    keep(1e-9)
    beside = aside.outside(database)
    if beside.alias != database:
        ask(beside)
        aside.close_obsolete()
        assert beside.connection is None


def test_a_transaction_finds_the_one_that_is_kept(keep, database):
    keep(600)
    beside = aside.outside(database)
    with transaction.atomic(using=database):
        assert aside.outside(database) is beside


def test_it_has_no_pool_to_itself(keep, database, monkeypatch):
    options = connections[database].settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "pool", True)
    keep(600)
    beside = aside.outside(database)
    if beside.alias != database:
        assert "pool" not in beside.settings_dict["OPTIONS"]
        assert options["pool"] is True
