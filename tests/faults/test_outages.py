"""Brokers and databases that go away under load and come back."""

import time
from contextlib import closing

import psycopg2
import pytest

from tests.faults.conftest import FULL, private

AWAY = 10 if FULL else 2


@pytest.mark.parametrize(
    ("database", "broker_server"),
    [("mariadb", "redis"), ("default", "rabbitmq")],
    indirect=True,
    ids=["Redis", "RabbitMQ"],
)
def test_a_broker_that_stops_or_crashes_loses_no_slot(database, broker_server, make_storm, request):
    storm = make_storm(database, broker_server.url)
    storm.make()
    storm.start(2)
    ends = [broker_server.crash, broker_server.stop]

    def away():
        ends[-1]()
        ends.reverse()
        time.sleep(AWAY)
        broker_server.start()

    storm.blow(20 if FULL else 3, away)
    storm.reckon(f"{request.node.callspec.id} away for {AWAY} s, stopped and crashed in turns")


@pytest.mark.parametrize("database_server", ["postgresql", *(["mariadb"] if FULL else [])], indirect=True)
def test_a_database_that_crashes_loses_no_slot(database_server, redis_url, make_storm):
    storm = make_storm(private(database_server), redis_url, **_address(database_server))
    storm.make()
    storm.start(2)

    def away():
        database_server.crash()
        time.sleep(AWAY)
        database_server.start()

    storm.blow(20 if FULL else 3, away)
    storm.reckon(f"{database_server.name} crashed, away for {AWAY} s")


@pytest.mark.parametrize("database_server", ["postgresql"], indirect=True)
def test_backends_terminated_at_random_lose_no_slot(database_server, rabbitmq_url, make_storm):
    storm = make_storm(private(database_server), rabbitmq_url, **_address(database_server))
    storm.make()
    storm.start(3)

    def terminate():
        with closing(psycopg2.connect(f"{database_server.url}/postgres")) as connection:
            connection.cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND random() < 0.7"
            )

    storm.blow(0.3, terminate)
    storm.reckon("PostgreSQL's backends terminated at random, every 0.3 s")


def _address(server):
    """Where beats find the private database, as the alias that they know."""
    alias, name = {"postgresql": ("default", "postgres"), "mariadb": ("mariadb", "mysql")}[server.name]
    return {f"DJTASKQ_TEST_{server.name.upper()}": f"{server.url}/{name}", "DJTASKQ_TEST_DATABASE": alias}
