import os
import subprocess
import sys
import uuid
from contextlib import closing

import dj_database_url
import psycopg2
import pytest
from django.db.utils import ConnectionHandler
from kombu import Connection, Queue

from tests.processes import ROOT
from tests.servers import SERVERS
from tests.servers.daemon import Daemon
from tests.servers.databases import _connect

QUEUE = Queue("kept", routing_key="kept")


class Kept:
    """How to write something to a server and to read it back."""

    @staticmethod
    def write_table(server, text):
        with closing(_connect(server)) as connection:
            cursor = connection.cursor()
            if server.name == "mariadb":
                cursor.execute("CREATE DATABASE IF NOT EXISTS kept")
                cursor.execute("USE kept")
            cursor.execute("CREATE TABLE IF NOT EXISTS kept (text VARCHAR(50))")
            cursor.execute("DELETE FROM kept")
            cursor.execute("INSERT INTO kept VALUES (%s)", [text])

    @staticmethod
    def read_table(server):
        with closing(_connect(server)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT text FROM kept" + (".kept" if server.name == "mariadb" else ""))
            return cursor.fetchone()[0]

    @staticmethod
    def write_message(server, text):
        # Redis has no such option, and says each time what it has done.
        options = {"confirm_publish": True} if server.name == "rabbitmq" else {}
        with Connection(server.url, transport_options=options) as connection:
            QUEUE(connection.default_channel).declare()
            QUEUE(connection.default_channel).purge()
            connection.Producer().publish(text, routing_key="kept", declare=[QUEUE])

    @staticmethod
    def read_message(server):
        received = []
        with Connection(server.url) as connection, connection.Consumer(QUEUE, no_ack=True) as consumer:
            consumer.register_callback(lambda body, message: received.append(body))
            connection.drain_events(timeout=10)
        return received[0]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_starts_again_on_its_port_with_what_was_written(private_server, name):
    kind = "table" if name in {"postgresql", "mariadb"} else "message"
    server = private_server(name)
    port = server.port
    for end in (server.stop, server.crash):
        text = uuid.uuid4().hex
        getattr(Kept, f"write_{kind}")(server, text)

        end()
        assert not server.running
        assert not server.answers()
        server.start()

        assert server.port == port
        assert getattr(Kept, f"read_{kind}")(server) == text


def test_a_server_that_a_test_left_stopped_runs_for_the_next(tmp_path):
    file = tmp_path / "test_two.py"
    file.write_text(
        "def test_one(redis_server): redis_server.crash()\n"
        "def test_two(redis_server): assert redis_server.answers()\n"
    )
    done = run_pytest("-p", "no:randomly", "-c", "pyproject.toml", str(file))
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_a_discarded_server_leaves_no_process_and_no_file(private_server):
    server = private_server("postgresql")
    backends = server._backends()
    pids = [server.pid, *backends]
    assert len(backends) > 3
    server.discard()
    assert not any(Daemon(pid).alive for pid in pids)
    assert not server.folder.exists()


def test_rabbitmq_has_its_management_api(rabbitmq_server):
    assert rabbitmq_server.manage("GET", "overview")["node"] == f"djtaskq-{rabbitmq_server.port}@localhost"


def test_the_servers_of_a_file_serve_other_runs_until_they_are_taken_down(tmp_path):
    file = tmp_path / "servers.json"
    up = servers("up", file)
    try:
        assert up.returncode == 0, up.stderr
        assert file.stat().st_mode & 0o077 == 0, "it holds passwords"
        for _ in range(2):
            done = run_pytest("tests/unit/tooling/test_databases.py", DJTASKQ_TEST_SERVERS=str(file))
            assert " passed" in done.stdout.splitlines()[-1], done.stdout + done.stderr
        assert servers("status", file).stdout == up.stdout
        assert databases_at(up.stdout.split()[1]) == {"postgres", "template0", "template1"}
    finally:
        down = servers("down", file)
    assert down.returncode == 0, down.stderr
    assert not file.exists()
    gone = servers("status", file)
    assert gone.returncode == 1
    assert "tests.servers up" in gone.stderr


def servers(*arguments):
    return run("-m", "tests.servers", *map(str, arguments))


def run_pytest(*arguments, **environment):
    return run("-m", "pytest", "-q", *arguments, **environment)


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )


def databases_at(url):
    with closing(psycopg2.connect(f"{url}/postgres")) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor}


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_an_empty_database_has_no_table(empty_database, django_db_blocker, name):
    settings = dj_database_url.parse(empty_database(name))
    connection = ConnectionHandler({"default": settings})["default"]
    with django_db_blocker.unblock():
        assert connection.introspection.table_names() == []
    connection.close()
