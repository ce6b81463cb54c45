"""The claiming path, edits and restarts once more, through PgBouncer in transaction mode.

There a beat has no session of its own: no lock, no setting and no prepared statement outlives a transaction.
"""

import pytest
from django.db import connections

# The very same tests, on the fixture `database` of this module.
from tests.contract.beat.test_changes import *  # noqa: F403
from tests.contract.beat.test_changes_unannounced import *  # noqa: F403
from tests.contract.beat.test_claiming import *  # noqa: F403
from tests.contract.beat.test_claims_left_behind import *  # noqa: F403
from tests.contract.beat.test_restarts import *  # noqa: F403


@pytest.fixture(params=["default"], ids=["pgbouncer"])
def database(request, pgbouncer, transactional_db):
    connection = connections[request.param]
    connection.close()
    # One dictionary for the connections of all threads.
    before = dict(connection.settings_dict)
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": pgbouncer.port}
    yield request.param
    connection.close()
    connection.settings_dict |= {"HOST": before["HOST"], "PORT": before["PORT"]}


def test_it_is_the_pooler_that_answers(database, pgbouncer):
    connections[database].ensure_connection()
    assert connections[database].connection.info.port == pgbouncer.port
