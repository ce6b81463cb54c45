"""One row at a time: what it writes, which keys it draws, and what PostgreSQL keeps prepared."""

import threading
import uuid

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq.db import prepared
from djtaskq.db.single import SingleUpsert
from djtaskq.db.upsert import Incoming, Upsert
from tests.models import Mark, Note

ON_POSTGRESQL = pytest.mark.parametrize("database", ["default"], indirect=True, ids=["postgresql"])

# SQLite's keys have 64 bits: there is nothing to save there.
SERVERS = pytest.mark.parametrize(
    "database", ["default", "mariadb"], indirect=True, ids=["postgresql", "mariadb"]
)

NOTES = Upsert(
    Note,
    key=["key"],
    assign={
        "text": Coalesce(Incoming("text"), F("text")),
        "number": F("number") + Incoming("number"),
        "state": Incoming("state"),
        "changed": Incoming("changed"),
    },
    guard=Q(state="open"),
)
MARKS = Upsert(Mark, key=["key"], assign={"text": Incoming("text")})
WRITES = SingleUpsert(NOTES, beside=MARKS, witness=["changed"])


def row(key="a", **values):
    given = {"text": None, "number": 1, "state": "open", "at": None, **values}
    return {"key": key, **given, "changed": timezone.now()}


def stored(key="a"):
    return Note.objects.values_list("text", "number", "state").get(key=key)


def write_often(using, times=prepared.OFTEN + 2):
    for number in range(times):
        WRITES.write(row(f"often {number}"), using=using)


@pytest.mark.parametrize("known", [False, True])
def test_a_row_is_inserted_and_then_merged(database, known):
    WRITES.write(row(text="x"), using=database, known=known)
    assert stored() == ("x", 1, "open")
    WRITES.write(row(state="done", number=4), using=database, known=known)
    assert stored() == ("x", 5, "done")


@pytest.mark.parametrize("known", [False, True])
def test_the_guard_keeps_a_row_as_it_is(database, known):
    WRITES.write(row(state="done"), using=database)
    WRITES.write(row(text="late", state="open"), using=database, known=known)
    assert stored() == (None, 1, "done")


def test_what_a_row_does_not_name_stays(database):
    WRITES.write(row(text="x", number=3), using=database)
    WRITES.write(
        {"key": "a", "state": "done", "number": 1, "changed": timezone.now()}, using=database, known=True
    )
    assert stored() == ("x", 4, "done")


def test_a_row_is_one_statement(database):
    write_often(database)
    WRITES.write(row(), using=database)
    for known in (False, True):
        with CaptureQueriesContext(connections[database]) as queries:
            WRITES.write(row(), using=database, known=known)
        assert len(queries) == 1, queries.captured_queries


@SERVERS
def test_no_key_is_drawn_for_a_row_that_is_there(database):
    write_often(database)
    first = Note.objects.create(key="first").pk
    WRITES.write(row(), using=database)
    for _ in range(20):
        WRITES.write(row(text="again"), using=database, known=True)
    WRITES.write(row(state="done"), using=database, known=True)
    for _ in range(20):
        WRITES.write(row(text="late"), using=database, known=True)
    assert Note.objects.create(key="last").pk == first + 2


@ON_POSTGRESQL
def test_postgresql_draws_none_even_where_nobody_knows_of_the_row(database):
    first = Note.objects.create(key="first").pk
    for _ in range(20):
        WRITES.write(row(), using=database)
    assert Note.objects.create(key="last").pk == first + 2


def test_the_companion_is_written_with_the_row(database):
    beside = {"key": "a", "at": timezone.now(), "text": "with it"}
    WRITES.write(row(), beside=beside, using=database)
    WRITES.write(row(), beside={**beside, "text": "changed"}, using=database, known=True)
    assert list(Mark.objects.values_list("key", "text")) == [("a", "changed")]


def test_the_companion_is_left_alone_where_the_row_was_kept(database):
    beside = {"key": "a", "at": None, "text": "with it"}
    WRITES.write(row(state="done"), beside=beside, using=database)
    for known in (False, True):
        WRITES.write(row(), beside={**beside, "text": "late"}, using=database, known=known)
    assert list(Mark.objects.values_list("key", "text")) == [("a", "with it")]


def test_writers_of_one_row_all_count(database):
    """Each of them adds one, whoever comes first, and none is refused."""
    failed = []

    def write():
        try:
            for _ in range(10):
                WRITES.write(row(), using=database)
        except Exception as error:  # noqa: BLE001  whatever it is, the test is to say so
            failed.append(error)
        finally:
            connections[database].close()

    # SQLite has one writer: there, whoever waits for too long is refused, and tries again further up.
    threads = [threading.Thread(target=write) for _ in range(1 if database == "sqlite" else 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert stored()[1] == 10 * len(threads)


@ON_POSTGRESQL
def test_what_is_sent_often_is_prepared(database):
    write_often(database)
    with CaptureQueriesContext(connections[database]) as queries:
        WRITES.write(row(text="%s 'quoted' %"), using=database)
    (query,) = queries.captured_queries
    assert query["sql"].startswith("EXECUTE")
    assert stored() == ("%s 'quoted' %", 1, "open")


@ON_POSTGRESQL
def test_what_the_server_forgot_is_sent_whole(database):
    write_often(database)
    with connections[database].cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    WRITES.write(row(text="x"), using=database)
    assert stored() == ("x", 1, "open")
    write_often(database)


@ON_POSTGRESQL
def test_what_the_server_knows_already_is_not_told_again(database):
    """As behind a pooler that hands out a server which another process prepared its statements on."""
    write_often(database)
    prepared._sent.clear()
    write_often(database)
    with CaptureQueriesContext(connections[database]) as queries:
        WRITES.write(row(text="x"), using=database)
    assert queries.captured_queries[-1]["sql"].startswith("EXECUTE")
    assert stored() == ("x", 1, "open")


@ON_POSTGRESQL
def test_a_new_connection_prepares_anew(database):
    write_often(database)
    connections[database].close()
    write_often(database)
    assert Note.objects.count() == prepared.OFTEN + 2


@ON_POSTGRESQL
def test_nothing_is_prepared_in_a_transaction_or_behind_a_pooler(database):
    with CaptureQueriesContext(connections[database]) as queries:
        with transaction.atomic(database):
            write_often(database)
        connections[database].settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
        try:
            write_often(database)
        finally:
            connections[database].settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = False
    assert not [query for query in queries.captured_queries if "PREPARE" in query["sql"]]


@ON_POSTGRESQL
def test_a_prepared_statement_outlives_a_change_of_its_table(database):
    write_often(database)
    with connections[database].cursor() as cursor:
        cursor.execute("ALTER TABLE tests_note ALTER COLUMN text TYPE varchar(60)")
        try:
            WRITES.write(row(text="x"), using=database)
        finally:
            cursor.execute("ALTER TABLE tests_note ALTER COLUMN text TYPE varchar(50)")
    assert stored() == ("x", 1, "open")


def test_what_a_column_refuses_is_refused(database):
    with pytest.raises(IntegrityError):
        WRITES.write(row(key=str(uuid.uuid4()), state=None), using=database)
