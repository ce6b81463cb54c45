"""The pytest plugin behind every test: servers, databases, brokers, processes, a browser.

A server starts only when a collected test needs it, in the background while the first tests run; all end
with the run, however it ends.
"""

import os
from pathlib import Path

import pytest

from tests.servers import Fleet, ServerError
from tools.machine import MissingProgramsError

pytest_plugins = (
    "tests.fixtures.databases",
    "tests.fixtures.brokers",
    "tests.fixtures.browser",
    "tests.fixtures.processes",
    "tests.fixtures.servers",
)

FLEET = pytest.StashKey[Fleet]()

# Which alias of tests/settings.py each server is.
SERVER_OF = {"default": "postgresql", "mariadb": "mariadb"}

# Folders whose tests wait for processes, for most of the time.
LONG = {"faults", "integration", "e2e"}

# Which fixture asks for which server.
FIXTURES = {
    "redis_url": "redis",
    "redis_server": "redis",
    "rabbitmq_url": "rabbitmq",
    "rabbitmq_server": "rabbitmq",
    "postgresql_server": "postgresql",
    "pgbouncer": "postgresql",
    "mariadb_server": "mariadb",
}


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config):
    # A wrapper, so that it runs before pytest-django's hook imports the settings.
    file = os.environ.get("DJTASKQ_TEST_SERVERS")
    try:
        fleet = Fleet(Path(file) if file else None)
    except ServerError as error:
        raise pytest.UsageError(str(error)) from None
    early_config.stash[FLEET] = fleet
    early_config.add_cleanup(fleet.close)
    name = f"djtaskq_{os.getpid()}"
    os.environ["DJTASKQ_TEST_POSTGRESQL"] = f"{fleet.peek('postgresql').url}/{name}"
    os.environ["DJTASKQ_TEST_MARIADB"] = f"{fleet.peek('mariadb').url}/{name}"
    os.environ["DJTASKQ_TEST_SQLITE"] = f"sqlite:///{fleet.folder / 'db.sqlite3'}"
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config):
    """Have the processes of a run with `-n` use the same servers; each has databases of its own in them."""
    if "DJTASKQ_TEST_SERVERS" not in os.environ:
        try:
            os.environ["DJTASKQ_TEST_SERVERS"] = str(config.stash[FLEET].share())
        except MissingProgramsError as error:
            pytest.exit(str(error), returncode=1)


def pytest_configure(config):
    if "PYTEST_XDIST_WORKER" in os.environ:
        config.pluginmanager.register(LongestFirst())


class LongestFirst:
    """Of several processes none is to begin with the longest files when the others have nothing left."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: not LONG & set(item.path.parts))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # A test that runs on one database needs neither the servers nor the tables of the others.
    for item in items:
        alias = getattr(item, "callspec", None) and item.callspec.params.get("database")
        if alias:
            item.add_marker(pytest.mark.django_db(transaction=True, databases=[alias]), append=False)


def pytest_collection_finish(session):
    if session.config.option.collectonly:
        return
    try:
        session.config.stash[FLEET].begin(sorted(needed_by(session.items)))
    except MissingProgramsError as error:
        pytest.exit(str(error), returncode=1)


def needed_by(items):
    """Return the names of the servers that these tests use."""
    names = set()
    for item in items:
        names |= {FIXTURES[fixture] for fixture in FIXTURES.keys() & set(item.fixturenames)}
        names |= {SERVER_OF[alias] for alias in SERVER_OF.keys() & aliases_of(item)}
    return names


def aliases_of(item):
    marker = item.get_closest_marker("django_db")
    if marker is None:
        return set()
    databases = marker.kwargs.get("databases") or ["default"]
    return {*SERVER_OF, "sqlite"} if databases == "__all__" else set(databases)


@pytest.fixture(scope="session")
def servers(pytestconfig):
    """The run's servers by name: `servers.use("redis")` is running when you get it."""
    return pytestconfig.stash[FLEET]
