"""Beats that are killed, stopped and told to end, while others run on."""

import itertools
import random
import signal

import pytest

from tests.faults.conftest import FULL


@pytest.mark.parametrize(
    ("database", "broker", "beats"),
    [("default", "redis", 3), ("mariadb", "rabbitmq", 3), ("sqlite", "redis", 2)],
    indirect=["database", "broker"],
    ids=["PostgreSQL, Redis", "MariaDB, RabbitMQ", "SQLite, Redis"],
)
def test_kills_at_any_moment_lose_no_slot(database, broker, beats, make_storm, request):
    storm = make_storm(database, broker)
    storm.make()
    storm.start(beats)
    # One dies between the publishing of a run and its being stamped.
    storm.start(doomed=True, FAULTS_DIES_AFTER="7")
    storm.blow(3, storm.kill_one)
    storm.reckon(f"SIGKILL every 3 s: {request.node.callspec.id}")


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_a_beat_that_stands_still_and_goes_on_is_no_second_sender(database, redis_url, make_storm):
    grace = 30 if FULL else 3
    # As long as one of them needs to stand still for longer than the others wait.
    storm = make_storm(database, redis_url, length=120 if FULL else 9)
    storm.make()
    turns = itertools.cycle(storm.start(3))
    still = []

    def take_turns():
        if still:
            still.pop().signal(signal.SIGCONT)
        still.append(next(turns))
        still[0].signal(signal.SIGSTOP)

    storm.blow(grace + 1, take_turns)
    still.pop().signal(signal.SIGCONT)
    storm.reckon(f"SIGSTOP for {grace + 1} s, in turns")


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_a_beat_that_is_told_to_end_at_any_moment_ends_cleanly(database, redis_url, make_storm):
    storm = make_storm(database, redis_url)
    storm.make()
    storm.start(2)
    told = []

    def replace_one():
        # A second signal would meet an interpreter that is about to end.
        if beats := [beat for beat in storm.working if beat not in told]:
            told.append(random.choice(beats))
            told[-1].signal(random.choice([signal.SIGTERM, signal.SIGINT]))
            storm.start(wait=False)

    storm.blow(1.5, replace_one)
    storm.reckon("SIGTERM or SIGINT every 1.5 s")


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_workers_with_a_beat_inside_send_each_slot_once(database, rabbitmq_url, make_storm):
    storm = make_storm(database, rabbitmq_url)
    storm.make()
    storm.start_workers(3)
    storm.blow()
    sent = storm.reckon("worker -B, three of them")
    assert len({(message.name, message.slot) for message in sent}) == len(sent)
