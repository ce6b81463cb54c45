import json

import pytest

from tests.faults.conftest import FULL, ROWS, migrated
from tests.faults.results.storm import Storm
from tests.router import VARIABLE

LONG = {"FAULTS_LONG": "2", "FAULTS_VISIBILITY": "30"} if FULL else {}


@pytest.fixture
def make_storm(processes, tmp_path, pytestconfig, monkeypatch):
    """Return a function that makes a storm over workers with this broker.

    `make faults` runs what docs/faults.md tells of; else it is short.
    """
    record = pytestconfig.stash.setdefault(ROWS, []).append

    def make(broker, *, rounds=50 if FULL else 2, length=120 if FULL else 1, **environment):
        ledger = tmp_path / "ledger"
        monkeypatch.setenv("FAULTS_LEDGER", str(ledger))  # workers inherit it
        return Storm(
            processes, ledger, broker, rounds=rounds, length=length, record=record, **LONG, **environment
        )

    return make


@pytest.fixture
def plain_sqlite(tmp_path, django_db_blocker):
    """A file as Django opens it where a project says nothing; gives the environment that leads there."""
    file = tmp_path / "results.sqlite3"
    with django_db_blocker.unblock(), migrated("plain sqlite", "sqlite", NAME=str(file), OPTIONS={}):
        yield {
            "DJTASKQ_TEST_SQLITE": f"sqlite:///{file}",
            VARIABLE: "sqlite",
            "FAULTS_DATABASE_OPTIONS": json.dumps({"sqlite": {}}),
        }
