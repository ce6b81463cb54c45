"""Who may open what: docs/permissions.md is the table, and every URL and action must be in it."""

import re

import pytest
from celery import Celery, current_app
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client, RequestFactory
from django.test.utils import override_settings
from django.urls import URLPattern, include, path, resolve
from django.utils import timezone

from djtaskq_monitor.control.commands import COMMANDS
from djtaskq_monitor.models import ApiToken, CameraState, QueueState, SavedView, TaskState, WorkerState
from tests import urls as tests_urls
from tests.architecture.walls import ROOT

urlpatterns = [*tests_urls.urlpatterns, path("celery/", include("djtaskq_monitor.urls"))]
pytestmark = pytest.mark.usefixtures("memory_broker")

ROLES = ("anonymous", "no rights", "viewer", "operator", "superuser")
DOING = ("control_worker", "revoke_task", "terminate_task", "run_task_again", "peek_queue", "purge_queue")
ROW = re.compile(r"^\| (GET|POST|action) \| `([^`]+)`" + 5 * r" \| ([^|]+)" + r" \|")
# Enough for the form of every command.
FORM = {
    "confirmed": "yes",
    "ids": "t1",
    "headers": "a=b",
    "queue": "q",
    "n": "1",
    "max": "2",
    "min": "1",
    "task_name": "shop.charge",
    "signal": "SIGTERM",
    "rate_limit": "1/s",
    "seconds": "1",
}


def table():
    found = []
    for line in (ROOT / "docs" / "permissions.md").read_text().splitlines():
        if match := ROW.match(line):
            method, what, *expected = (part.strip() for part in match.groups())
            found.append((method, what, dict(zip(ROLES, expected, strict=True))))
    return found


@pytest.fixture
def memory_broker():
    """Commands go to a broker without workers, and nobody is waited for."""
    before = current_app._get_current_object()
    Celery("permissions", broker="memory://").set_current()
    with override_settings(DJTASKQ={"MONITOR_CONTROL_SECONDS": 0.1}, ROOT_URLCONF=__name__):
        yield
    before.set_current()


@pytest.fixture
def people(db):
    """A user for each role."""
    views = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__startswith="view_")
    doing = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__in=DOING)
    made = {"anonymous": AnonymousUser()}
    for role in ROLES[1:]:
        made[role] = User.objects.create_user(
            role.replace(" ", "-"), password="x", is_staff=True, is_superuser=role == "superuser"
        )
    made["viewer"].user_permissions.set(views)
    made["operator"].user_permissions.set([*views, *doing])
    return made


@pytest.fixture
def places(people):
    """What stands in the place of `<worker>` and so on, afresh for each request."""

    def make(user):
        for model in (WorkerState, TaskState, CameraState, QueueState, SavedView, ApiToken):
            model.objects.all().delete()
        now = timezone.now()
        worker = WorkerState.objects.create(hostname="w@h", last_heartbeat=now)
        task = TaskState.objects.create(task_id="t1", name="shop.charge", state="STARTED", tstamp=now)
        camera = CameraState.objects.create(host="h", pid=1, queue="q", freq=1, started=now, last_write=now)
        queue = QueueState.objects.create(name="q")
        owner = user if user.pk else people["viewer"]
        view = SavedView.objects.create(user=owner, page="tasks", name="mine", query="")
        token = ApiToken.objects.create(user=owner, name="t", key="k", digest="d")
        return {
            "<token>": token.pk,
            "<worker>": worker.pk,
            "<task>": task.pk,
            "<id>": task.task_id,
            "<camera>": camera.pk,
            "<queue>": queue.pk,
            "<view>": view.pk,
        }

    return make


def url_of(what, known):
    url = what
    for name, value in known.items():
        url = url.replace(name, str(value))
    return url if url.startswith("/") else f"/admin/djtaskq_monitor/{url}"


def answer(client, method, url, known):
    about = {"workers": str(known["<worker>"]), "name": "shop.charge"}
    response = client.get(url, about) if method == "GET" else client.post(url, FORM | about)
    if response.status_code == 302 and "/login/" in response["Location"]:
        return "log in"
    assert response.status_code in {200, 302, 403, 503}, (url, response.status_code)
    return "no" if response.status_code == 403 else "yes"


def offered(user, what):
    model, action = what.split(" ")
    request = RequestFactory().get("/")
    request.user = user
    admin_class = admin.site.get_model_admin(apps.get_model("djtaskq_monitor", model))
    return "yes" if action in admin_class.get_actions(request) else "no"


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_the_table_says_and_nothing_else(client, people, places, role):
    user = people[role]
    wrong = []
    for method, what, expected in table():
        known = places(user)
        if method == "action":
            found = offered(user, what)
        else:
            if user.pk:
                client.force_login(user)
            found = answer(client, method, url_of(what, known), known)
        if found != expected[role]:
            wrong.append(f"{method} {what}: {role} is answered {found!r}, and not {expected[role]!r}")
    assert not wrong, "\n".join(wrong)


def test_every_url_every_command_and_every_action_is_in_the_table(db, people, places):
    known = places(people["viewer"])
    rows = table()
    matches = [resolve(url_of(what, known)) for method, what, _expected in rows if method != "action"]
    named = {match.url_name or match.route for match in matches}
    missing = set()
    for model in apps.get_app_config("djtaskq_monitor").get_models():
        if admin.site.is_registered(model):
            admin_class = admin.site.get_model_admin(model)
            missing |= {pattern.name for pattern in admin_class.get_urls() if pattern.name} - named
            request = RequestFactory().get("/")
            request.user = people["superuser"]
            actions = {f"{model._meta.model_name} {name}" for name in admin_class.get_actions(request)}
            missing |= actions - {what for _method, what, _expected in rows}
    # Those of the HTTP API have a table of their own, in docs/api.md.
    patterns = include("djtaskq_monitor.urls")[0].urlpatterns
    missing |= {pattern.name for pattern in patterns if isinstance(pattern, URLPattern)} - named
    given = {match.kwargs.get("name") for match in matches if match.url_name.endswith("workerstate_command")}
    missing |= COMMANDS.keys() - given
    assert not missing, f"docs/permissions.md has no row for {sorted(missing)}"


@pytest.mark.django_db
def test_no_change_is_made_by_a_request_from_another_site(people, places):
    # CVE-2022-30034 of Flower: whoever got a person's browser to send a request gave commands.
    known = places(people["superuser"])
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["superuser"])
    posts = [what for method, what, _expected in table() if method == "POST"]
    assert len(posts) > 20
    for what in posts:
        assert client.post(url_of(what, known), FORM).status_code == 403, what


@pytest.mark.django_db
def test_no_command_is_given_by_a_link(people, places, client):
    known = places(people["superuser"])
    client.force_login(people["superuser"])
    for name in COMMANDS:
        url = url_of(f"workerstate/command/{name}/", known)
        response = client.get(url, {**FORM, "workers": str(known["<worker>"])})
        assert 'id="djtaskq-command"' in response.content.decode(), name
    assert not LogEntry.objects.exists()
