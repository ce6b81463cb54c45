"""What must stand here and not in tests/plugin.py: fixtures of pytest-django that are replaced."""

import pytest
from django.db import connections

from tests.plugin import SERVER_OF, aliases_of


@pytest.fixture(scope="session")
def django_db_keepdb():
    # The databases end with their servers. To drop them one by one takes time, and fails while a thread of
    # the code under test still holds a connection.
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request, servers):
    """Wait for the servers of the databases that pytest-django is about to make."""
    used = set().union(*(aliases_of(item) for item in request.session.items))
    for alias in sorted(SERVER_OF.keys() & used):
        servers.use(SERVER_OF[alias])
    yield
    if servers.borrowed:
        _drop(connections[alias] for alias in SERVER_OF.keys() & used)


def _drop(databases):
    connections.close_all()
    for connection in databases:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        force = "WITH (FORCE)" if connection.vendor == "postgresql" else ""
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} {force}")
