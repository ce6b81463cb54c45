"""Tasks of every kind while the database, the broker and the workers' children come and go."""

import json
import time
from contextlib import closing

import MySQLdb
import psycopg2
import pytest
from celery import chord

from tests.faults.conftest import FULL
from tests.faults.results import app as tasks
from tests.router import VARIABLE

AWAY = 10 if FULL else 0.3
CRASHES = 3 if FULL else 1
ALIAS = {"postgresql": ("default", "postgres"), "mariadb": ("mariadb", "mysql")}
REPEATABLE_READ = {"charset": "utf8mb4", "isolation_level": "repeatable read"}


@pytest.mark.parametrize("database_server", ["postgresql", "mariadb"], indirect=True)
def test_every_task_ends_as_it_should_and_no_chord_hangs(database_server, redis_server, make_storm):
    redis_server.command("FLUSHDB")
    storm = make_storm(redis_server.url, **_address(database_server))
    storm.start(2)
    away = []

    def crash():
        if len(away) < CRASHES and (not FULL or next(turns) % 10 == 0):
            away.append(1)
            database_server.crash()
            time.sleep(AWAY)
            database_server.start()
            storm.counts["crashes"] += 1

    def end_sessions():
        storm.counts["sessions"] += END_SESSIONS[database_server.name](database_server)

    def end_connections():
        killed = redis_server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        storm.counts["clients"] += int(killed[1:])

    turns = iter(range(10_000))
    storm.blow([crash, storm.kill_a_child, end_connections, end_sessions], every=1 if FULL else 0.2)
    assert len(away) == CRASHES
    isolation = " with REPEATABLE READ" if database_server.name == "mariadb" else ""
    storm.reckon(f"{database_server.name}{isolation}: all at once")


def test_eight_threads_on_sqlite_end_a_chord_of_eighty(plain_sqlite, redis_url, make_storm):
    storm = make_storm(redis_url, **plain_sqlite)
    (worker,) = storm.start(1, "--pool=threads", "--concurrency=8")
    body = chord([tasks.double.si(number) for number in range(80)], app=tasks.app)(tasks.total.s())
    assert body.get(timeout=60) == 80 * 79
    storm.blow()
    storm.reckon("SQLite: 8 threads")
    assert "locked" not in worker.output


def _end_postgresql_sessions(server):
    with closing(psycopg2.connect(f"{server.url}/postgres")) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND random() < 0.7"
        )
        return cursor.rowcount


def _end_mariadb_sessions(server):
    address = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password}
    with closing(MySQLdb.connect(**address)) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT id FROM information_schema.processlist"
            " WHERE user = %s AND id <> connection_id() AND rand() < 0.7",
            [server.user],
        )
        ended = 0
        for (session,) in cursor.fetchall():
            try:
                ended += cursor.execute("KILL %s", [session]) == 0
            except MySQLdb.OperationalError:
                continue  # it has left
        return ended


END_SESSIONS = {"postgresql": _end_postgresql_sessions, "mariadb": _end_mariadb_sessions}


def _address(server):
    """Where workers find the private database, as the alias that they know."""
    alias, name = ALIAS[server.name]
    return {
        f"DJTASKQ_TEST_{server.name.upper()}": f"{server.url}/{name}",
        VARIABLE: alias,
        "FAULTS_DATABASE_OPTIONS": json.dumps({"mariadb": REPEATABLE_READ}),
    }
