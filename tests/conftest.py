"""What must stand here and not in tests/plugin.py: fixtures of pytest-django that are replaced."""

import pytest
from django.db import connections

from tests.plugin import SERVER_OF, aliases_of
from tests.servers.databases import drop_database


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
        connections.close_all()
        for alias in SERVER_OF.keys() & used:
            drop_database(servers.use(SERVER_OF[alias]), connections[alias].settings_dict["NAME"])
