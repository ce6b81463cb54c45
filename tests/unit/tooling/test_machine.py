import subprocess
import sys

import pytest

from tests.processes import ROOT
from tools.machine import ONLY_HERE, MissingProgramsError, Need, ensure, find
from tools.needs import BROWSER, MARIADB, POSTGRESQL, RABBITMQ, REDIS, SERVERS


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """Nothing is installed, and we are nobody who may install."""
    monkeypatch.setenv(ONLY_HERE, str(tmp_path))
    monkeypatch.delenv("DJTASKQ_TEST_SERVERS", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return tmp_path


def add(folder, *programs):
    for program in programs:
        (folder / program).touch(mode=0o755)


def test_one_sentence_names_all_that_is_missing_and_the_command_that_installs_it(bare_machine):
    with pytest.raises(MissingProgramsError) as raised:
        ensure([*SERVERS, BROWSER])
    assert str(raised.value) == (
        "PostgreSQL, MariaDB, Redis, RabbitMQ, PgBouncer, Prometheus and Chromium with its driver are not "
        "installed here: run `sudo apt-get install --no-install-recommends postgresql mariadb-server "
        "redis-server rabbitmq-server pgbouncer prometheus chromium chromium-driver` and try again."
    )


def test_what_is_there_is_not_asked_for(bare_machine):
    add(bare_machine, "postgres", "mariadbd", "mariadb-install-db", "epmd")
    with pytest.raises(MissingProgramsError, match=r"^Redis is not .* redis-server` and try again\.$"):
        ensure([POSTGRESQL, MARIADB, REDIS])
    with pytest.raises(MissingProgramsError, match="RabbitMQ is not"):
        ensure([POSTGRESQL, RABBITMQ])


def test_nothing_missing_asks_for_nothing(bare_machine):
    add(bare_machine, "redis-server")
    ensure([REDIS])


def test_a_program_of_the_machine_is_found_outside_of_an_ordinary_path(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert find("postgres")
    assert find("mariadbd")
    assert Need("Nothing", ("no-such-program",), ()).missing


def test_a_run_without_its_servers_ends_with_the_sentence_alone(bare_machine):
    """The whole of it, as a user sees it who is not root."""
    code = (
        "import os, sys, pytest; os.geteuid = lambda: 1000; "
        "sys.exit(pytest.main(['-q', 'tests/unit/tooling/test_databases.py', '-k', 'postgresql']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, text=True, timeout=60
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert said.count("PostgreSQL is not installed here: run `sudo apt-get install") == 1
    assert "Traceback" not in said
