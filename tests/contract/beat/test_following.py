"""How runs ended: asked of whoever knows, recorded once, more and more seldom while they go on."""

import datetime as dt
import uuid

import pytest
from django.db import connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from djtaskq import outcomes
from djtaskq.outcomes import Outcome
from djtaskq_beat.following import follow
from djtaskq_beat.models import TaskRun
from tests.contract.beat.conftest import settle

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def known(monkeypatch):
    """Outcomes by task id, as an app that stores them would tell; `asked` are the ids of each question."""
    told: dict[str, Outcome] = {}
    asked: list[list[str]] = []

    def read(ids):
        asked.append(list(ids))
        return {task_id: told[task_id] for task_id in ids if task_id in told}

    monkeypatch.setattr(outcomes, "_readers", {"test": (0, read)})
    read.told, read.asked = told, asked
    return read


@pytest.fixture
def make_run(make_task, clock):
    """Return a function that makes a run which was published `ago` seconds ago and is to be asked about."""
    task = make_task()

    def make(ago=1, **columns):
        published_at = clock() - ago * SECOND
        return TaskRun.objects.create(
            periodic_task=columns.pop("task", task),
            name="task",
            slot=published_at - len(TaskRun.objects.all()) * SECOND,
            state="published",
            task_id=uuid.uuid4(),
            claimed_at=published_at,
            claimed_by="test:1",
            published_at=published_at,
            follow_at=published_at,
            **columns,
        )

    return make


def test_a_published_run_is_asked_about_where_anybody_knows(dispatcher, make_task, make_due, known):
    make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    run = TaskRun.objects.get()
    assert run.follow_at == run.published_at


def test_where_nobody_knows_none_is(dispatcher, make_task, make_due, monkeypatch):
    monkeypatch.setattr(outcomes, "_readers", {})
    make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    assert TaskRun.objects.get().follow_at is None


def test_how_it_ended_is_recorded(make_run, known, database, clock):
    run = make_run()
    finished = clock()
    known.told[str(run.task_id)] = Outcome(state="SUCCESS", finished=finished, runtime=1.5)
    assert follow(database) is False
    run.refresh_from_db()
    assert (run.outcome, run.finished_at, run.runtime, run.follow_at) == ("SUCCESS", finished, 1.5, None)
    assert run.state == "published"


def test_one_that_goes_on_is_asked_about_later_and_later(make_run, known, database):
    for ago, pause in ((0, 2), (1, 2), (20, 10), (1000, 60), (80_000, 60)):
        run = make_run(ago)
        follow(database)
        run.refresh_from_db()
        assert (run.outcome, run.finished_at) == ("", None)
        later = (run.follow_at - run.published_at - ago * SECOND).total_seconds()
        assert pause <= later < pause * 1.5 + 5


@pytest.mark.parametrize("state", ["RETRY", "STARTED", "PROGRESS"])
def test_a_state_that_ends_nothing_is_no_end(state, make_run, known, database):
    run = make_run()
    known.told[str(run.task_id)] = Outcome(state=state)
    follow(database)
    run.refresh_from_db()
    assert run.outcome == ""
    assert run.follow_at is not None


def test_it_is_given_up_after_the_limit(make_run, known, database, settings):
    settings.DJTASKQ = {"BEAT_FOLLOW_LIMIT": 100}
    kept, given_up, last_moment = make_run(50), make_run(200), make_run(300)
    known.told[str(last_moment.task_id)] = Outcome(state="SUCCESS")
    follow(database)
    for run in (kept, given_up, last_moment):
        run.refresh_from_db()
    assert kept.follow_at is not None
    assert (given_up.follow_at, given_up.outcome) == (None, "")
    assert (last_moment.follow_at, last_moment.outcome) == (None, "SUCCESS")


def test_an_end_that_is_on_record_stays(make_run, known, database, monkeypatch):
    run = make_run()

    def meanwhile(ids):
        TaskRun.objects.update(outcome="FAILURE", follow_at=None)
        return {task_id: Outcome(state="SUCCESS") for task_id in ids}

    monkeypatch.setattr(outcomes, "_readers", {"test": (0, meanwhile)})
    follow(database)
    run.refresh_from_db()
    assert run.outcome == "FAILURE"


def test_a_run_that_was_deleted_meanwhile_does_not_come_back(make_run, database, monkeypatch):
    make_run()

    def meanwhile(ids):
        TaskRun.objects.all().delete()
        return {task_id: Outcome(state="SUCCESS") for task_id in ids}

    monkeypatch.setattr(outcomes, "_readers", {"test": (0, meanwhile)})
    follow(database)
    assert not TaskRun.objects.exists()


def test_runs_of_one_beat_that_asks_are_not_asked_about_by_another(make_run, database, monkeypatch):
    make_run()
    asked = []

    def read(ids):
        asked.append(ids)
        if len(asked) == 1:  # the other beat, while this one is asking
            follow(database)
        return {}

    monkeypatch.setattr(outcomes, "_readers", {"test": (0, read)})
    follow(database)
    assert len(asked) == 1


def test_it_is_bounded_and_says_that_there_is_more(make_run, known, database):
    for _ in range(5):
        make_run()
    assert follow(database, most=2) is True
    assert [len(ids) for ids in known.asked] == [2]
    assert follow(database, most=2) is True
    assert follow(database, most=2) is False
    assert len({task_id for ids in known.asked for task_id in ids}) == 5


def test_with_none_to_ask_about_it_is_one_statement(make_run, known, database):
    make_run()
    TaskRun.objects.update(follow_at=F("follow_at") + 3_600_000_000)
    with CaptureQueriesContext(connections[database]) as captured:
        assert follow(database) is False
    assert len(captured) == 1
    assert known.asked == []


def test_a_batch_is_a_few_statements(make_run, known, database):
    runs = [make_run() for _ in range(50)]
    known.told.update({str(run.task_id): Outcome(state="SUCCESS") for run in runs[:40]})
    with CaptureQueriesContext(connections[database]) as captured:
        follow(database)
    frames = ("BEGIN", "COMMIT", "UPDATE django_migrations")
    assert len([query for query in captured if not query["sql"].startswith(frames)]) <= 7
    assert TaskRun.objects.filter(outcome="SUCCESS").count() == 40
