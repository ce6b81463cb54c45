"""Keys of 32 bits: seen to run out in time, and widened, on every database that has them."""

import io
import uuid
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, models
from django_celery_results.models import TaskResult

from djtaskq.db.widening import INT_MAX, key_range
from djtaskq_results import widekeys
from tests.contract.results.conftest import protocol_2

SERVERS = pytest.mark.parametrize(
    "database", ["default", "mariadb"], indirect=True, ids=["postgresql", "mariadb"]
)


@pytest.fixture
def narrow(database):
    """The tables with keys as django-celery-results makes them, whatever a test does to them."""
    yield database
    connection = connections[database]
    for model in widekeys.MODELS:
        with connection.cursor() as cursor:
            if connection.vendor == "mysql":
                cursor.execute(f"DELETE FROM {model._meta.db_table}")
                cursor.execute(f"ALTER TABLE {model._meta.db_table} AUTO_INCREMENT = 1")
                cursor.execute(f"ALTER TABLE {model._meta.db_table} MODIFY id int NOT NULL AUTO_INCREMENT")
            else:
                cursor.execute(f"TRUNCATE {model._meta.db_table} RESTART IDENTITY")
                cursor.execute(f"ALTER TABLE {model._meta.db_table} ALTER COLUMN id TYPE integer")


def use_up(using, last):
    """Give out keys up to `last`."""
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "mysql":
            cursor.execute(f"ALTER TABLE {TaskResult._meta.db_table} AUTO_INCREMENT = {last + 1}")
        else:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{TaskResult._meta.db_table}', 'id'), {last})"
            )


def run(**options):
    out = io.StringIO()
    call_command("widen_result_keys", stdout=out, **{"ask": False, **options})
    return out.getvalue()


@SERVERS
def test_a_table_that_runs_out_of_keys_is_told_of_in_time(narrow):
    assert not widekeys.check_keys(None, databases=[narrow])
    use_up(narrow, INT_MAX // 2 + 1)
    (warning,) = widekeys.check_keys(None, databases=[narrow])
    assert warning.id == "djtaskq_results.W002"
    assert "50%" in warning.msg
    assert not widekeys.check_keys(None, databases=None)


@SERVERS
def test_results_are_stored_again_after_the_last_key(narrow, backend):
    """By a worker that goes on while the table is changed, on a statement that its server has prepared."""
    for number in range(10):
        backend.mark_as_done(f"before {number}", number, protocol_2(f"before {number}"))
    use_up(narrow, INT_MAX - 1)
    backend.mark_as_done("last", 1, protocol_2("last"))
    assert "TaskResult" in repr(TaskResult.objects.get(pk=INT_MAX))
    run()
    backend.mark_as_done("next", 2, protocol_2("next"))
    assert backend.get_result("next") == 2
    row = TaskResult.objects.get(pk=INT_MAX + 1)
    row.worker = "me"
    row.save()
    assert TaskResult.objects.filter(pk__gt=INT_MAX).values_list("worker", flat=True).get() == "me"
    assert key_range(TaskResult, narrow).wide
    assert not widekeys.check_keys(None, databases=[narrow])


@SERVERS
def test_it_may_be_run_twice(narrow):
    assert run().count("done.") == len(widekeys.MODELS)
    assert run().count("64 bits wide") == len(widekeys.MODELS)


@SERVERS
def test_a_dry_run_says_how_long_and_changes_nothing(narrow, backend):
    backend.mark_as_done("a", 1, protocol_2("a"))
    told = run(dry_run=True)
    assert told.count("locked for about") == len(widekeys.MODELS)
    assert not key_range(TaskResult, narrow).wide


@SERVERS
def test_who_does_not_agree_changes_nothing(narrow, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _question: "")
    with pytest.raises(CommandError, match="Nothing was changed"):
        run(ask=True)
    assert not key_range(TaskResult, narrow).wide


@SERVERS
def test_it_does_not_queue_for_long_behind_who_holds_the_table(narrow):
    other = connections[narrow].copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {TaskResult._meta.db_table}")
            cursor.fetchone()
        with pytest.raises(CommandError, match="did not let go"):
            run(lock_timeout=1)
        assert not key_range(TaskResult, narrow).wide
    finally:
        other.close()


def test_a_table_that_is_not_there_yet_has_no_keys(database):
    """Checks run before the first migration does."""
    missing = SimpleNamespace(_meta=SimpleNamespace(db_table="no_such", pk=SimpleNamespace(column="id")))
    assert key_range(missing, database) is None


def test_migrations_do_not_see_it(database):
    assert isinstance(TaskResult._meta.pk, models.AutoField)
    assert TaskResult._meta.pk.deconstruct()[1] == "django.db.models.AutoField"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_has_wide_keys(database):
    TaskResult.objects.create(pk=INT_MAX + 1, task_id=str(uuid.uuid4()))
    assert TaskResult.objects.get(pk=INT_MAX + 1)
    assert run().count("64 bits wide") == len(widekeys.MODELS)
    assert not widekeys.check_keys(None, databases=[database])
