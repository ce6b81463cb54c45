"""A declared task's page: where it comes from, what becomes of an edit, and the flag that keeps it."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import DeclaredTask
from tests.contract.beat.declaring import install

ONE = {"task": "tests.add", "schedule": 60}
FROM = "comes from beat_schedule"


@pytest.fixture
def page(app, database):
    install(app, database, {"one": ONE})
    return reverse("admin:django_celery_beat_periodictask_change", args=[PeriodicTask.objects.get().pk])


@pytest.fixture
def log_in(client, database):
    """Return a function that logs in someone who may do this with periodic tasks."""

    def log_in(*verbs):
        user = User.objects.create_user("someone", is_staff=True)
        codenames = [f"{verb}_periodictask" for verb in verbs]
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return log_in


def form(task, **said):
    return {
        "name": task.name,
        "task": "tests.mine",
        "enabled": "on",
        "interval": task.interval_id,
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
        "declared_task-TOTAL_FORMS": 1,
        "declared_task-INITIAL_FORMS": 1,
        "declared_task-0-periodic_task": task.pk,
        "run_policy-TOTAL_FORMS": 0,
        "run_policy-INITIAL_FORMS": 0,
        **said,
    }


def test_an_edit_is_kept_by_who_may_make_it(page, log_in, app, database):
    browser = log_in("change")
    shown = browser.get(page).content.decode()
    assert FROM in shown
    assert "overwritten when beat starts the next time" in shown
    response = browser.post(page, form(PeriodicTask.objects.get(), **{"declared_task-0-keep_edits": "on"}))
    assert response.status_code == 302
    install(app, database, {"one": ONE})
    assert PeriodicTask.objects.get().task == "tests.mine"


def test_an_edit_without_the_flag_is_overwritten(page, log_in, app, database):
    assert log_in("change").post(page, form(PeriodicTask.objects.get())).status_code == 302
    assert PeriodicTask.objects.get().task == "tests.mine"
    install(app, database, {"one": ONE})
    assert PeriodicTask.objects.get().task == "tests.add"


def test_who_may_look_alone_sees_it_and_changes_nothing(page, log_in):
    browser = log_in("view")
    assert FROM in browser.get(page).content.decode()
    response = browser.post(page, form(PeriodicTask.objects.get(), **{"declared_task-0-keep_edits": "on"}))
    assert response.status_code == 403
    assert not DeclaredTask.objects.get().keep_edits


def test_the_page_of_a_removed_one_says_so(page, log_in, app, database):
    install(app, database, {})
    assert "The settings have it no more, and it was disabled" in log_in("change").get(page).content.decode()


def test_the_page_of_one_made_by_hand_says_nothing_of_it(page, log_in, make_task):
    task = make_task("by hand")
    browser = log_in("change", "add")
    theirs = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    assert FROM not in browser.get(theirs).content.decode()
    adding = reverse("admin:django_celery_beat_periodictask_add")
    assert FROM not in browser.get(adding).content.decode()
