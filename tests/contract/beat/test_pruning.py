"""Old runs go, a few at a time; what somebody waits for stays."""

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext

from djtaskq_beat import pruning
from djtaskq_beat.models import Alert, TaskRun
from djtaskq_beat.pruning import ByAge, ByNumber, Rounds

SECOND = dt.timedelta(seconds=1)
DAY = 86_400


@pytest.fixture
def make_runs(database, clock):
    """Return a function that makes runs of a schedule, a second apart, the first `ago` seconds ago."""

    def make(count, *, ago=0, task=1, **columns):
        first = clock() - ago * SECOND
        TaskRun.objects.bulk_create(
            TaskRun(
                periodic_task_id=task,
                name=f"task {task}",
                slot=first + number * SECOND,
                state="published",
                claimed_at=first + number * SECOND,
                claimed_by="test:1",
                **columns,
            )
            for number in range(count)
        )
        return list(TaskRun.objects.filter(periodic_task=task, slot__gte=first).order_by("slot"))

    return make


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 4)


def all_steps(step, most=200):
    for number in range(most):
        if not step():
            return number + 1
    raise AssertionError("there is always more to do")


def left():
    return list(TaskRun.objects.order_by("pk").values_list("pk", flat=True))


class TestByAge:
    def test_runs_that_are_too_old_go_and_others_stay(self, make_runs, database, small_batches):
        make_runs(10, ago=2 * DAY)
        young = make_runs(3, ago=10, task=2)
        by_age = ByAge(database)
        assert all_steps(lambda: by_age.step(DAY)) == 3
        assert left() == [run.pk for run in young]
        assert by_age.deleted == 10

    def test_what_somebody_waits_for_stays_and_holds_up_nothing(
        self, make_runs, database, clock, small_batches
    ):
        followed = make_runs(5, ago=3 * DAY, follow_at=clock())
        waiting = make_runs(2, ago=3 * DAY, task=2, retry_at=clock())
        make_runs(10, ago=2 * DAY, task=3)
        by_age = ByAge(database)
        all_steps(lambda: by_age.step(DAY))
        assert left() == [run.pk for run in (*followed, *waiting)]
        TaskRun.objects.update(follow_at=None, retry_at=None)
        all_steps(lambda: by_age.step(DAY))
        assert left() == []

    def test_their_alerts_go_with_them(self, make_runs, database, clock):
        old, young = *make_runs(1, ago=2 * DAY), *make_runs(1, task=2)
        for run in (old, young):
            Alert.objects.create(kind="late", run=run, text="late", raised_at=clock())
        ByAge(database).step(DAY)
        assert [alert.run_id for alert in Alert.objects.all()] == [young.pk]

    def test_with_nothing_too_old_it_is_one_statement(self, make_runs, database):
        make_runs(10)
        with CaptureQueriesContext(connections[database]) as captured:
            assert ByAge(database).step(DAY) is False
        assert len(captured) == 1

    def test_none_keeps_all(self, make_runs, database):
        make_runs(3, ago=900 * DAY)
        with CaptureQueriesContext(connections[database]) as captured:
            assert ByAge(database).step(None) is False
        assert len(captured) == 0


class TestByNumber:
    def test_the_latest_of_each_schedule_are_kept(self, make_runs, database, small_batches):
        one, two, few = make_runs(30), make_runs(25, task=2), make_runs(5, task=3)
        by_number = ByNumber(database)
        all_steps(lambda: by_number.step(10))
        assert left() == [run.pk for run in (*one[-10:], *two[-10:], *few)]
        assert by_number.deleted == 35

    def test_new_runs_have_it_look_again(self, make_runs, database):
        make_runs(10, ago=100)
        by_number = ByNumber(database)
        all_steps(lambda: by_number.step(10))
        assert len(left()) == 10
        newest = make_runs(10)
        all_steps(lambda: by_number.step(10))
        assert left() == [run.pk for run in newest]

    def test_what_somebody_waits_for_stays(self, make_runs, database, clock):
        followed = make_runs(5, ago=100, follow_at=clock())
        make_runs(20, ago=50)
        by_number = ByNumber(database)
        all_steps(lambda: by_number.step(10))
        assert left()[:5] == [run.pk for run in followed]
        assert len(left()) == 15

    def test_a_history_that_begins_late_is_found_at_once(self, make_runs, database):
        make_runs(20)
        TaskRun.objects.bulk_create(
            TaskRun(
                pk=run.pk + 10**12,
                periodic_task_id=2,
                name="task 2",
                slot=run.slot,
                state="published",
                claimed_at=run.slot,
                claimed_by="test:1",
            )
            for run in TaskRun.objects.all()
        )
        TaskRun.objects.filter(periodic_task=1).delete()
        by_number = ByNumber(database)
        assert all_steps(lambda: by_number.step(10)) <= 10
        assert len(left()) == 10

    def test_with_nothing_new_it_is_one_statement(self, make_runs, database):
        make_runs(10)
        by_number = ByNumber(database)
        all_steps(lambda: by_number.step(10))
        with CaptureQueriesContext(connections[database]) as captured:
            assert by_number.step(10) is False
        assert len(captured) == 1

    def test_none_keeps_all(self, make_runs, database):
        make_runs(30)
        with CaptureQueriesContext(connections[database]) as captured:
            assert ByNumber(database).step(None) is False
        assert len(captured) == 0


def test_a_round_ends_when_its_time_is_spent(monkeypatch):
    monkeypatch.setattr(pruning, "_ROUND_SECONDS", 0.0)
    assert Rounds(lambda: True).work() is False
    monkeypatch.setattr(pruning, "_ROUND_SECONDS", 60.0)
    assert Rounds(lambda: True).work() is True
    assert Rounds(lambda: False).work() is False


class TestCommand:
    def test_it_prunes_by_the_settings_to_the_end(self, make_runs, settings, capsys, small_batches):
        settings.DJTASKQ = {"BEAT_RUNS_EXPIRE": DAY, "BEAT_RUNS_KEEP": 10}
        make_runs(9, ago=2 * DAY)
        kept = make_runs(15, ago=100)[-10:]
        call_command("prune_runs")
        assert left() == [run.pk for run in kept]
        assert "Deleted 9 runs that were too old, and 5 beyond" in capsys.readouterr().out

    def test_or_as_it_is_told(self, make_runs, settings, capsys):
        settings.DJTASKQ = {"BEAT_RUNS_EXPIRE": None, "BEAT_RUNS_KEEP": None}
        make_runs(20, ago=1000)
        call_command("prune_runs", "--no-progress")
        assert len(left()) == 20
        call_command("prune_runs", "--keep", "15")
        assert len(left()) == 15
        call_command("prune_runs", "--older-than", "500")
        assert left() == []

    @pytest.mark.parametrize("arguments", [["--keep", "0"], ["--keep", "few"], ["--older-than", "-1"]])
    def test_it_says_what_it_cannot_take(self, arguments, database):
        with pytest.raises(CommandError, match="is no"):
            call_command("prune_runs", *arguments)
