"""Deleting many periodic tasks: a fixed number of statements for each batch, and nothing else is lost."""

import io

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.models import ProtectedError
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from djtaskq_beat import deletion
from djtaskq_beat.deletion import delete_schedules, delete_tasks
from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from tests.contract.beat.conftest import settle

TASKS = "admin:django_celery_beat_periodictask_changelist"
CRONTABS = "admin:django_celery_beat_crontabschedule_changelist"


@pytest.fixture
def many(minutely):
    """Return a function that makes tasks on one crontab."""

    def make(count, **columns):
        return PeriodicTask.objects.bulk_create(
            PeriodicTask(name=f"task {number:05}", task="tests.add", crontab=minutely, **columns)
            for number in range(count)
        )

    return make


@pytest.fixture
def browser(database, client):
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "secret"))
    return client


def captured(database, work):
    with CaptureQueriesContext(connections[database]) as queries:
        work()
    return len(queries)


def test_what_belongs_to_a_task_goes_and_its_history_stays(dispatcher, make_task, make_due, database):
    task, other = make_task(), make_task("other")
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    RunPolicy.objects.create(periodic_task=task)
    assert delete_tasks(PeriodicTask.objects.filter(name="task")) == 1
    assert NextRun.objects.get().pk == PeriodicTask.objects.get().pk == other.pk
    assert not RunPolicy.objects.exists()
    assert TaskRun.objects.filter(name="task").exists()


def test_the_statements_of_a_batch_do_not_grow_with_its_rows(many, database, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH", 100)
    many(5)
    few = captured(database, lambda: delete_tasks(PeriodicTask.objects.all()))
    many(100)
    assert captured(database, lambda: delete_tasks(PeriodicTask.objects.all())) == few
    many(300)
    assert captured(database, lambda: delete_tasks(PeriodicTask.objects.all())) < 3 * few
    assert PeriodicTask.objects.count() == NextRun.objects.count() == 0


def test_their_scheduler_learns_of_it_by_one_note(many, database):
    many(10)
    PeriodicTasks.objects.all().delete()
    with CaptureQueriesContext(connections[database]) as queries:
        delete_tasks(PeriodicTask.objects.all())
    written = [query for query in queries if "periodictasks" in query["sql"] and "INSERT" in query["sql"]]
    assert len(written) == 1
    assert PeriodicTasks.last_change() is not None
    PeriodicTasks.objects.all().delete()
    assert delete_tasks(PeriodicTask.objects.all()) == 0
    assert PeriodicTasks.last_change() is None


def test_receivers_of_the_projects_own_are_called_for_each(many):
    many(3)
    called = []

    def note(signal, instance, **_rest):
        called.append((signal is pre_delete, instance.name))

    for signal in (pre_delete, post_delete):
        signal.connect(note, sender=PeriodicTask)
    try:
        delete_tasks(PeriodicTask.objects.all())
    finally:
        for signal in (pre_delete, post_delete):
            signal.disconnect(note, sender=PeriodicTask)
    names = [f"task {number:05}" for number in range(3)]
    assert sorted(called) == sorted((before, name) for before in (True, False) for name in names)


def test_what_was_deleted_before_an_error_stays_deleted_and_is_noted(many, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH", 2)
    many(5)
    PeriodicTasks.objects.all().delete()

    def protect(instance, **_rest):
        if instance.name == "task 00003":
            raise ProtectedError("kept", [instance])

    pre_delete.connect(protect, sender=PeriodicTask)
    try:
        with pytest.raises(ProtectedError):
            delete_tasks(PeriodicTask.objects.all())
    finally:
        pre_delete.disconnect(protect, sender=PeriodicTask)
    assert PeriodicTask.objects.count() == 3
    assert PeriodicTasks.last_change() is not None


def test_a_schedule_takes_its_tasks_along_in_batches(many, minutely, make_task, database):
    many(30)
    other = make_task("other")
    assert delete_schedules(CrontabSchedule.objects.filter(pk=minutely.pk)) == 30
    assert PeriodicTask.objects.get() == other
    assert not CrontabSchedule.objects.exists()
    assert NextRun.objects.count() == 1


def crontabs(count):
    return CrontabSchedule.objects.bulk_create(CrontabSchedule(minute=str(number)) for number in range(count))


@pytest.mark.parametrize(
    "make",
    [lambda number: CrontabSchedule(minute=str(number)), lambda number: IntervalSchedule(every=number)],
    ids=["crontab", "interval"],
)
def test_many_schedules_are_one_statement_and_one_note(database, make):
    PeriodicTasks.objects.all().delete()
    model = type(make(1))

    def statements(count):
        model.objects.bulk_create(make(number) for number in range(1, count + 1))
        return captured(database, lambda: delete_schedules(model.objects.all()))

    few, many = statements(2), statements(59)
    assert many <= few
    assert not model.objects.exists()
    assert PeriodicTasks.last_change() is not None


def test_whoever_listens_to_the_deletion_of_a_schedule_is_called_for_each(database):
    called = []

    def note(instance, **_rest):
        called.append(instance.minute)

    crontabs(3)
    post_delete.connect(note, sender=CrontabSchedule)
    try:
        delete_schedules(CrontabSchedule.objects.all())
    finally:
        post_delete.disconnect(note, sender=CrontabSchedule)
    assert sorted(called) == ["0", "1", "2"]
    assert not CrontabSchedule.objects.exists()


def test_more_than_a_form_may_have_fields_are_deleted_and_the_page_that_asks_is_light(
    browser, many, database
):
    many(1_200)
    asked = browser.post(
        reverse(TASKS),
        {"action": "delete_selected", "select_across": "1", "index": "0", "_selected_action": "1"},
    )
    page = asked.content.decode()
    assert len(page) < 20_000
    assert page.count('type="hidden"') < 10
    assert "1,180 more periodic tasks" in page
    assert "Periodic tasks: 1200" in page.replace("1,200", "1200").replace("&nbsp;", "")
    late = PeriodicTask.objects.create(name="made meanwhile", task="t", crontab=CrontabSchedule.objects.get())
    browser.post(
        reverse(TASKS),
        {
            "action": "delete_selected",
            "select_across": "1",
            "djtaskq_up_to": str(asked.context["up_to"]),
            "_selected_action": "1",
            "post": "yes",
        },
    )
    assert PeriodicTask.objects.get() == late
    assert LogEntry.objects.count() == 1_200
    assert LogEntry.objects.order_by("pk").first().object_repr == "task 00000"


def test_chosen_rows_are_deleted_and_no_others(browser, many):
    first, second, _ = many(3)
    form = {"action": "delete_selected", "_selected_action": [first.pk, second.pk]}
    asked = browser.post(reverse(TASKS), {**form, "index": "0"})
    assert asked.content.decode().count('name="_selected_action"') == 2
    browser.post(reverse(TASKS), {**form, "post": "yes"})
    assert [task.name for task in PeriodicTask.objects.all()] == ["task 00002"]


def test_the_statements_of_the_list_do_not_grow_with_the_rows(browser, many, database):
    form = {"action": "delete_selected", "select_across": "1", "_selected_action": "1"}
    many(5)
    ask_few = captured(database, lambda: browser.post(reverse(TASKS), {**form, "index": "0"}))
    few = captured(database, lambda: browser.post(reverse(TASKS), {**form, "post": "yes"}))
    many(200)
    assert captured(database, lambda: browser.post(reverse(TASKS), {**form, "index": "0"})) <= ask_few + 2
    assert captured(database, lambda: browser.post(reverse(TASKS), {**form, "post": "yes"})) <= few + 2
    assert not PeriodicTask.objects.exists()


@pytest.mark.parametrize("alone", [True, False], ids=["its own page", "the list"])
def test_a_schedules_deletion_says_how_many_tasks_go_with_it(alone, browser, many, minutely):
    many(60)
    if alone:
        url, form = reverse("admin:django_celery_beat_crontabschedule_delete", args=[minutely.pk]), {}
    else:
        url, form = reverse(CRONTABS), {"action": "delete_selected", "_selected_action": minutely.pk}
    page = (browser.get(url) if alone else browser.post(url, {**form, "index": "0"})).content.decode()
    assert "Periodic tasks: 60" in page
    assert "40 more periodic tasks" in page
    browser.post(url, {**form, "post": "yes"})
    assert not CrontabSchedule.objects.exists()
    assert PeriodicTask.objects.count() == NextRun.objects.count() == 0


def test_who_may_delete_schedules_but_no_tasks_deletes_neither(client, many, minutely):
    many(1)
    user = get_user_model().objects.create_user("clerk", password="x", is_staff=True)
    codenames = ["delete_crontabschedule", "view_crontabschedule"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    url = reverse("admin:django_celery_beat_crontabschedule_delete", args=[minutely.pk])
    assert "permission" in client.get(url).content.decode()
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert CrontabSchedule.objects.exists()


def test_a_task_whose_time_zone_is_none_can_be_deleted(browser, many, minutely, database):
    many(1)
    with connections[database].cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Nowhere/Land'")
    form = {"action": "delete_selected", "select_across": "1", "_selected_action": "1", "post": "yes"}
    model_admin = admin.site._registry[PeriodicTask]
    assert model_admin.delete_selected_confirmation_template == "djtaskq_beat/delete_selected.html"
    browser.post(reverse(TASKS), form)
    assert not PeriodicTask.objects.exists()


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
    ids=" ".join,
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
