"""`delete_periodic_tasks`: what it asks, what it says, what it deletes."""

import io

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask


def command(*args, **options):
    out = io.StringIO()
    call_command("delete_periodic_tasks", *args, stdout=out, progress=False, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["a1", "b1"], {"a2", "b2"}),
        (["--prefix", "a"], {"b1", "b2"}),
        (["--prefix", "a", "--disabled"], {"a1", "b1", "b2"}),
        (["--task", "tests.other"], {"a1", "a2", "b2"}),
        (["--all"], set()),
    ],
    ids=lambda words: " ".join(sorted(words) if isinstance(words, set) else words),
)
def test_the_command_deletes_what_it_is_told(make_task, args, left):
    make_task("a1")
    make_task("a2", enabled=False)
    make_task("b1", task="tests.other")
    make_task("b2")
    said = command("--no-input", *args)
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == left
    assert f"Deleted {4 - len(left)} periodic task" in said


def test_the_command_asks_and_shows_what_would_go(many, monkeypatch):
    many(12)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    said = command("--prefix", "task")
    assert "12 periodic tasks to delete:\n  task 00000\n" in said
    assert "… and 2 more" in said
    assert PeriodicTask.objects.count() == 12
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert "Deleted 12 periodic tasks." in command("--prefix", "task")


def test_a_dry_run_deletes_nothing(many):
    many(2)
    assert "Nothing is deleted." in command("--all", "--dry-run", "--no-input")
    assert PeriodicTask.objects.count() == 2


def test_the_command_says_what_is_wrong(make_task, monkeypatch):
    make_task("nightly")
    with pytest.raises(CommandError, match="Did you mean “nightly”"):
        command("nihgtly", "--no-input")
    with pytest.raises(CommandError, match="Say which periodic tasks"):
        command("--no-input")
    with pytest.raises(CommandError, match="Say which periodic tasks"):
        command("--no-input", "--all", "--disabled")

    def nobody(_prompt):
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(CommandError, match="use --no-input"):
        command("--all")
    assert "nothing is deleted" in command("--prefix", "x", "--no-input")
    assert PeriodicTask.objects.exists()
    assert IntervalSchedule.objects.exists()
