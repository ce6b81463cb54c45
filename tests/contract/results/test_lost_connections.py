"""Connections that die while a call is on its way. (Between calls: test_defects.)"""

import threading

import pytest
from celery import states
from django.db import connections, transaction
from django_celery_results.models import GroupResult, TaskResult

from tests.contract.core.test_retry import SERVERS
from tests.contract.results.conftest import protocol_2
from tests.waiting import eventually

CALLS = {
    "store_result": lambda app: app.backend.mark_as_done("a", 2, protocol_2("a")),
    "forget": lambda app: app.backend.forget("a"),
    "save_group": lambda app: app.backend.save_group("a", app.GroupResult("a", [app.AsyncResult("a")])),
    "delete_group": lambda app: app.backend.delete_group("a"),
}


class Caller(threading.Thread):
    """Makes a call in a thread, and so on a connection, of its own."""

    def __init__(self, call, app, using):
        super().__init__()
        self.call, self.app, self.using = call, app, using
        self.session, self.error = None, None

    def run(self):
        try:
            with connections[self.using].cursor() as cursor:
                mysql = connections[self.using].vendor == "mysql"
                cursor.execute("SELECT CONNECTION_ID()" if mysql else "SELECT pg_backend_pid()")
                self.session = cursor.fetchone()[0]
            self.call(self.app)
        except Exception as error:  # noqa: BLE001  whatever it is, the test is to say so
            self.error = error
        finally:
            connections[self.using].close()


def waits_for_a_lock(session, other):
    with other.cursor() as cursor:
        if other.vendor == "mysql":
            # Not from INNODB_TRX, which is not read anew for who asks many times in a second.
            cursor.execute(
                "SELECT 1 FROM information_schema.PROCESSLIST"
                " WHERE ID = %s AND COMMAND = 'Query' AND TIME_MS > 200",
                [session],
            )
        else:
            cursor.execute("SELECT 1 WHERE cardinality(pg_blocking_pids(%s)) > 0", [session])
        return cursor.fetchone() is not None


@SERVERS
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_that_loses_its_connection_on_the_way_succeeds(app, backend, database, call):
    """It waits for a row that somebody holds when the server ends its session."""
    backend.store_result("a", 1, states.STARTED, request=protocol_2("a"))
    CALLS["save_group"](app)
    other = connections[database].copy()
    caller = Caller(call, app, database)
    try:
        with transaction.atomic(using=database):
            for model, column in ((TaskResult, "task_id"), (GroupResult, "group_id")):
                model.objects.select_for_update().get(**{column: "a"})
            caller.start()
            eventually(lambda: caller.error or (caller.session and waits_for_a_lock(caller.session, other)))
            assert caller.error is None
            with other.cursor() as cursor:
                kill = "KILL %s" if other.vendor == "mysql" else "SELECT pg_terminate_backend(%s, 5000)"
                cursor.execute(kill, [caller.session])
        caller.join(30)
    finally:
        other.close()
    assert not caller.is_alive()
    assert caller.error is None
    stored = TaskResult.objects.filter(task_id="a").values_list("status", flat=True).first()
    assert stored == {"store_result": states.SUCCESS, "forget": None}.get(_name(call), states.STARTED)
    assert GroupResult.objects.filter(group_id="a").exists() == (_name(call) != "delete_group")


def _name(call):
    return next(name for name, known in CALLS.items() if known is call)
