import os
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import connections

from tests.faults.figures import tables
from tests.faults.storm import Storm
from tests.fixtures.databases import ALIASES
from tests.router import routed_to

FULL = os.environ.get("DJTASKQ_FAULTS") == "full"
# Ten minutes; what it holds is held by every other storm too, for seconds.
collect_ignore = [] if FULL else ["test_drift.py"]
# A beat that is gone is given up sooner than users would.
QUICK = {"BEAT_GRACE_SECONDS": 3, "BEAT_PUBLISH_SECONDS": 1}
ROWS = pytest.StashKey[list]()


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(3600 if FULL else 300))


def pytest_terminal_summary(terminalreporter, config):
    if rows := config.stash.get(ROWS, None):
        terminalreporter.section("faults")
        terminalreporter.write_line(tables(rows))


@pytest.fixture
def make_storm(processes, pytestconfig):
    """Return a function that makes a storm on a database and a broker.

    `make faults` runs what docs/faults.md tells of, with the settings that users have; else it is short.
    """
    record = pytestconfig.stash.setdefault(ROWS, []).append

    def make(alias, broker, *, load=200 if FULL else 50, length=120 if FULL else 4, settings=None, **more):
        settings = {**({} if FULL else QUICK), **(settings or {})}
        return Storm(
            processes, alias, broker, load=load, length=length, settings=settings, record=record, **more
        )

    return make


@pytest.fixture
def broker(request):
    """Its URL; parametrised indirectly by its name."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def broker_server(request):
    """A broker that may be stopped; parametrised indirectly by its name."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def database_server(request, private_server, django_db_blocker):
    """A database server that may be stopped, with our tables; parametrised indirectly by its name.

    To this process its database is the alias `private(server)`, and everything is routed there.
    """
    server = private_server(request.param)
    name = {"postgresql": "postgres", "mariadb": "mysql"}[request.param]
    address = {"NAME": name, "PORT": server.port, "USER": server.user, "PASSWORD": server.password}
    with django_db_blocker.unblock(), migrated(private(server), ALIASES[request.param], **address):
        yield server


def private(server):
    """The alias: statements are kept by it, so that no two kinds of databases may share one."""
    return f"private {server.name}"


@contextmanager
def migrated(alias, like, **settings):
    """One more database, set as the alias `like` is but for `settings`; everything is routed there."""
    connections.databases[alias] = {**connections.databases[like], **settings}
    with routed_to(alias):
        call_command("migrate", database=alias, verbosity=0)
        yield
    connections[alias].close()
    del connections[alias], connections.databases[alias]
