"""Jitter, pauses and overlap, as the claim follows them."""

import datetime as dt

import pytest

from djtaskq import outcomes
from djtaskq.outcomes import Outcome
from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from djtaskq_beat.policies import delay
from tests.contract.beat.conftest import settle

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def ended(monkeypatch):
    """Outcomes by task id, as an app that stores them would tell."""
    known: dict[str, Outcome] = {}
    monkeypatch.setattr(
        outcomes, "_readers", {"test": (0, lambda ids: {i: known[i] for i in ids if i in known})}
    )
    return known


@pytest.fixture
def revoked(dispatcher, monkeypatch):
    """The task ids that workers were told to stop."""
    told: list[str] = []
    monkeypatch.setattr(dispatcher.publisher._app.control, "revoke", lambda ids, **_options: told.extend(ids))
    return told


def set_policy(task, **columns):
    RunPolicy.objects.update_or_create(periodic_task=task, defaults=columns)


def runs():
    return list(TaskRun.objects.order_by("slot"))


def run_once(dispatcher, make_due):
    make_due()
    # One after the other, from the first: a slot of one schedule is unique at every moment, and a statement
    # over all of them takes them in whatever order the table has them by then.
    for run in runs():
        TaskRun.objects.filter(pk=run.pk).update(slot=run.slot - MINUTE, claimed_at=run.claimed_at - MINUTE)
    settle(dispatcher)


class TestJitter:
    def test_a_run_goes_out_as_long_after_each_slot(self, dispatcher, make_task, make_due):
        task = make_task(every=600)
        set_policy(task, jitter=300)
        settle(dispatcher)
        late = delay(task.pk, dt.timedelta(seconds=300))
        assert dt.timedelta() < late <= dt.timedelta(seconds=300)
        row = NextRun.objects.get()
        assert row.run_at - row.slot == late
        make_due(600 + late.seconds + 1)
        settle(dispatcher)
        (run,) = runs()
        assert run.due_at - run.slot == late
        assert run.lateness < dt.timedelta(seconds=30)

    def test_it_waits_for_its_delay(self, dispatcher, make_task, make_due, sent):
        task = make_task(every=600)
        set_policy(task, jitter=300)
        settle(dispatcher)
        make_due(600 + delay(task.pk, dt.timedelta(seconds=300)).seconds - 20)
        settle(dispatcher)
        assert sent() == []


class TestPause:
    def test_its_slots_are_skipped_and_on_record(self, dispatcher, make_task, make_due, clock, sent):
        task = make_task(every=60)
        settle(dispatcher)
        set_policy(task, paused_until=clock() + dt.timedelta(seconds=150))
        settle(dispatcher)
        first = NextRun.objects.get()
        assert first.run_at == first.held_until
        passed = 200_000_000
        NextRun.objects.update(
            slot=first.slot - dt.timedelta(microseconds=passed),
            anchor=first.anchor - dt.timedelta(microseconds=passed),
            run_at=clock(),
            held_until=first.held_until - dt.timedelta(microseconds=passed),
        )
        RunPolicy.objects.update(paused_until=first.held_until - dt.timedelta(microseconds=passed))
        settle(dispatcher)
        skipped, run = runs()
        assert (skipped.state, run.state) == ("skipped", "published")
        assert "paused until" in skipped.reason
        assert skipped.through + dt.timedelta(seconds=60) == run.slot
        assert len(sent()) == 1

    def test_one_that_is_lifted_catches_nothing_up(self, dispatcher, make_task, clock, sent):
        task = make_task(every=60)
        settle(dispatcher)
        set_policy(task, paused_until=clock() + dt.timedelta(hours=1))
        settle(dispatcher)
        held = NextRun.objects.get()
        NextRun.objects.update(
            slot=held.slot - dt.timedelta(seconds=300), anchor=held.anchor - dt.timedelta(300)
        )
        set_policy(task, paused_until=None)
        settle(dispatcher)
        assert sent() == []
        (skipped,) = runs()
        assert skipped.state == "skipped"
        assert NextRun.objects.get().slot > clock()
        assert NextRun.objects.get().held_until is None


class TestOverlap:
    def test_by_default_runs_may_overlap(self, dispatcher, make_task, make_due, ended):
        make_task()
        settle(dispatcher)
        run_once(dispatcher, make_due)
        run_once(dispatcher, make_due)
        assert [run.state for run in runs()] == ["published", "published"]

    def test_a_slot_is_skipped_while_the_run_before_it_goes_on(self, dispatcher, make_task, make_due, ended):
        set_policy(make_task(), overlap="skip")
        settle(dispatcher)
        run_once(dispatcher, make_due)
        run_once(dispatcher, make_due)
        first, second = runs()
        assert (first.state, second.state) == ("published", "skipped")
        assert "has not ended" in second.reason
        ended[str(first.task_id)] = Outcome(state="SUCCESS")
        run_once(dispatcher, make_due)
        assert [run.state for run in runs()] == ["published", "skipped", "published"]

    @pytest.mark.parametrize("state", ["STARTED", "RETRY", "PROGRESS"])
    def test_states_that_end_nothing_count_as_running(self, state, dispatcher, make_task, make_due, ended):
        set_policy(make_task(), overlap="skip")
        settle(dispatcher)
        run_once(dispatcher, make_due)
        ended[str(runs()[0].task_id)] = Outcome(state=state)
        run_once(dispatcher, make_due)
        assert runs()[1].state == "skipped"

    def test_a_run_that_never_reports_back_frees_its_place(self, dispatcher, make_task, make_due, ended):
        set_policy(make_task(), overlap="skip", overlap_limit=30)
        settle(dispatcher)
        run_once(dispatcher, make_due)
        TaskRun.objects.update(claimed_at=runs()[0].claimed_at - dt.timedelta(seconds=31))
        run_once(dispatcher, make_due)
        assert [run.state for run in runs()] == ["published", "published"]

    def test_the_later_run_takes_the_place_of_the_earlier(
        self, dispatcher, make_task, make_due, ended, revoked
    ):
        set_policy(make_task(), overlap="replace")
        settle(dispatcher)
        run_once(dispatcher, make_due)
        assert revoked == []
        run_once(dispatcher, make_due)
        first, second = runs()
        assert (first.state, second.state) == ("published", "published")
        assert revoked == [str(first.task_id)]

    def test_of_several_slots_at_once_only_the_last_may_run(
        self, dispatcher, make_task, make_due, ended, sent
    ):
        set_policy(make_task(), overlap="skip", catch_up="all")
        settle(dispatcher)
        make_due(300)
        settle(dispatcher)
        assert len(sent()) == 1
        assert [run.state for run in runs()] == ["skipped", "published"]
