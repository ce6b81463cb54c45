"""`beat_backfill`: slots of the past get their run, once, and the history keeps its shape."""

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import CrontabSchedule

from djtaskq_beat.message import task_id_of
from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from tests.contract.beat.conftest import settle

DAY = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def backfill(*arguments):
    out = io.StringIO()
    call_command("beat_backfill", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def hourly(make_task, dispatcher):
    """A schedule that runs each full hour in Berlin, and beat has planned."""
    crontab = CrontabSchedule.objects.create(minute="0", timezone="Europe/Berlin")
    task = make_task("hourly", crontab=crontab)
    settle(dispatcher)
    return task


def record(task, hour, through=None, state="missed", **columns):
    return TaskRun.objects.create(
        periodic_task=task,
        name=task.name,
        slot=DAY + hour * HOUR,
        through=None if through is None else DAY + through * HOUR,
        state=state,
        claimed_at=DAY,
        claimed_by="test:1",
        **columns,
    )


def history():
    """The runs in order: from which hour through which, and what became of them."""
    return [
        ((run.slot - DAY) // HOUR, None if run.through is None else (run.through - DAY) // HOUR, run.state)
        for run in TaskRun.objects.order_by("slot")
    ]


MORNING = ("hourly", "2026-03-02T01:00", "2026-03-02T05:00")
"""In Berlin: the hours 0, 1, 2 and 3 of DAY in UTC."""


def test_slots_without_a_run_get_one_that_beat_publishes(hourly, dispatcher, sent):
    said = backfill(*MORNING)
    assert said.startswith("4 slots recorded: beat publishes them, the oldest first.\n")
    assert sent() == []
    settle(dispatcher)
    messages = sent()
    assert [message["djtaskq_slot"] for message in messages] == [
        f"2026-03-02T0{hour}:00:00+00:00" for hour in range(4)
    ]
    assert [message["id"] for message in messages] == [
        str(task_id_of(hourly.pk, DAY + hour * HOUR)) for hour in range(4)
    ]
    assert history() == [(hour, None, "published") for hour in range(4)]
    run = TaskRun.objects.order_by("slot").first()
    assert run.trigger == "backfill"
    assert run.claimed_by.startswith("backfill:")
    assert run.lateness < dt.timedelta(minutes=1)


def test_a_second_call_does_nothing(hourly, dispatcher, sent):
    backfill(*MORNING)
    said = backfill(*MORNING)
    assert said.startswith("There is nothing to run.\n4 slots had a run already.\n")
    settle(dispatcher)
    assert len(sent()) == 4
    backfill(*MORNING)
    settle(dispatcher)
    assert sent() == []


def test_slots_that_ran_are_left_alone(hourly):
    record(hourly, 1, state="published")
    assert "3 slots recorded" in backfill(*MORNING)
    assert history() == [
        (0, None, "claimed"),
        (1, None, "published"),
        (2, None, "claimed"),
        (3, None, "claimed"),
    ]


def test_a_dry_run_names_the_slots_and_writes_nothing(hourly):
    record(hourly, 1)
    assert backfill(*MORNING, "--dry-run", "--missed").startswith(
        "  2026-03-02 00:00:00 UTC\n"
        "  2026-03-02 01:00:00 UTC  again\n"
        "  2026-03-02 02:00:00 UTC\n"
        "  2026-03-02 03:00:00 UTC\n"
        "4 slots would run: this was a dry run, nothing is recorded.\n"
    )
    assert history() == [(1, None, "missed")]


@pytest.mark.parametrize(
    ("given_up", "left"),
    [
        ((0, 3), []),
        ((-2, 3), [(-2, -1, "missed")]),
        ((-1, 3), [(-1, None, "missed")]),
        ((0, 6), [(4, 6, "missed")]),
        ((0, 4), [(4, None, "missed")]),
        ((-3, 9), [(-3, -1, "missed"), (4, 9, "missed")]),
        ((2, None), []),
    ],
)
def test_what_was_missed_runs_if_asked_and_the_rest_stays_on_record(given_up, left, hourly, dispatcher, sent):
    before = record(hourly, *given_up, reason="a later slot has passed")
    covered = 4 if given_up[1] is not None else 1
    said = backfill(*MORNING)
    assert (
        f"{covered} slot{'s' * (covered > 1)} on record as missed or skipped: --missed runs them, too."
        in said
    )
    backfill(*MORNING, "--missed")
    runs = [(hour, None, "claimed") for hour in range(4)]
    assert history() == sorted([*left, *runs])
    kept = TaskRun.objects.filter(state="missed")
    assert {(run.reason, run.claimed_at) for run in kept} <= {(before.reason, before.claimed_at)}
    settle(dispatcher)
    assert len(sent()) == 4
    assert history() == sorted([*left, *((hour, None, "published") for hour in range(4))])
    assert "4 slots had a run already" in backfill(*MORNING, "--missed")


def test_the_grid_of_an_interval_goes_back_before_its_first_run(make_task, dispatcher, clock):
    task = make_task(every=600)
    settle(dispatcher)
    slot = NextRun.objects.get(pk=task.pk).slot
    now = clock()
    said = backfill("task", (now - HOUR).isoformat(), now.isoformat())
    assert said.startswith("6 slots recorded")
    assert {(slot - run.slot) % dt.timedelta(seconds=600) for run in TaskRun.objects.all()} == {
        dt.timedelta()
    }


def test_what_beat_has_yet_to_decide_about_is_left_to_it(make_task, dispatcher, make_due, clock, sent):
    make_task(every=600)
    settle(dispatcher)
    make_due(3600)
    now = clock()
    said = backfill("task", (now - 2 * HOUR).isoformat(), now.isoformat())
    assert "are left to beat, which has yet to look at them." in said
    assert max(TaskRun.objects.values_list("slot", flat=True)) < NextRun.objects.get().slot
    settle(dispatcher)
    states = list(TaskRun.objects.order_by("slot").values_list("trigger", "state"))
    assert states[-2:] == [("schedule", "missed"), ("schedule", "published")]


def test_runs_are_spread_over_time(hourly):
    backfill(*MORNING, "--spread", "400")
    first, *others = TaskRun.objects.order_by("slot")
    assert [round((run.retry_at - first.retry_at).total_seconds()) for run in others] == [100, 200, 300]


def test_a_policy_against_overlaps_is_pointed_out(hourly):
    RunPolicy.objects.create(periodic_task=hourly, overlap="skip")
    assert "Its policy lets no runs overlap" in backfill(*MORNING)


def test_runs_of_the_past_stop_no_other(make_task, dispatcher, clock, monkeypatch, sent):
    stopped = []
    monkeypatch.setattr(dispatcher.publisher, "revoke", stopped.extend)
    task = make_task(every=600)
    RunPolicy.objects.create(periodic_task=task, overlap="replace")
    settle(dispatcher)
    now = clock()
    for hours in (2, 1):
        backfill("task", (now - hours * HOUR).isoformat(), (now - (hours - 1) * HOUR).isoformat())
        settle(dispatcher)
    assert len(sent()) == 12
    assert stopped == []


def test_a_time_past_the_kept_history_is_pointed_out(hourly):
    assert "are no longer on record: what ran then would run again." in backfill(*MORNING)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hourli", *MORNING[1:]], "There is no schedule named “hourli”. Did you mean “hourly”?"),
        (
            ["hourly", "2026-03-02", "2026-03-01"],
            "2026-03-01 23:00:00 UTC is not before 2026-02-28",
        ),
        (["hourly", "2026-03-02", "2999-01-01"], "2998-12-31 23:00:00 UTC is in the future"),
        (["hourly", "yesterday", "2026-03-02"], "“yesterday” is no time that can be used: write it as"),
        ([*MORNING, "--limit", "3"], "more than 3 slots are to run. Take a shorter time, or raise --limit."),
        ([*MORNING, "--spread", "-1"], "“-1” is no number of seconds."),
    ],
)
def test_errors_say_what_to_do(arguments, message, hourly):
    with pytest.raises(CommandError) as raised:
        backfill(*arguments)
    assert message in str(raised.value)
    assert history() == []


def test_messages_that_have_expired_are_not_backfilled(hourly):
    hourly.expires = "2026-03-03T00:00:00Z"
    hourly.save()
    with pytest.raises(CommandError, match=r"its messages expired at 2026-03-03 00:00:00 UTC\. Remove"):
        backfill(*MORNING)


def test_a_broken_message_is_told_before_anything_is_recorded(hourly):
    hourly.args = "[1"
    hourly.save()
    with pytest.raises(CommandError, match="The args are not what a message can carry"):
        backfill(*MORNING)
    assert history() == []
