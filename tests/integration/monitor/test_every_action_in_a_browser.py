"""Every action of the monitor as a person does it, under a strict policy, on real workers of both brokers.

It is long: without DJTASKQ_BROWSER=all a few commands on one broker are tried, and that no command was left
out here. What waits in a queue and its purge are in `test_queues_in_a_browser`.
"""

import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import include, path
from django.utils import timezone
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from djtaskq_monitor.admin.worker_commands import ON_LIST
from djtaskq_monitor.control.asking import Question, ask_one
from djtaskq_monitor.control.commands import COMMANDS, command_of, customs
from djtaskq_monitor.models import SavedView, TaskState, WorkerState
from tests.integration.monitor import controlapp
from tests.integration.monitor.controlling import APP, NAME
from tests.integration.monitor.typed import ROWS, SLOW
from tests.waiting import eventually

ALL = os.environ.get("DJTASKQ_BROWSER") == "all"
PASSWORD = "for-this-test-alone"
ADD = f"{APP}.add"
urlpatterns = [path("admin/", admin.site.urls), path("api/", include("djtaskq_monitor.api.urls"))]
FEW = ("clock", "pool-restart", "custom-increase_level")
pytestmark = pytest.mark.django_db(transaction=True)
on_brokers = pytest.mark.parametrize(
    "control_broker", ["redis", "rabbitmq"] if ALL else ["redis"], indirect=True, scope="module"
)
long = pytest.mark.skipif(not ALL, reason="DJTASKQ_BROWSER=all runs it")


@pytest.fixture
def app(pages_of_control):
    """The app that pages give commands through."""
    return pages_of_control


@pytest.fixture
def site(live_server, settings, browser):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.policy.policy"]
    settings.DJTASKQ = {"MONITOR_CONTROL_SECONDS": 10.0}
    User.objects.create_superuser("ann", password=PASSWORD)
    site = f"{live_server.url}/admin/"
    browser.log_in(site, "ann", PASSWORD)
    return f"{site}djtaskq_monitor/"


def shows(browser, text, where="body"):
    def said():
        try:
            return text in browser.find(where).text
        except StaleElementReferenceException:
            return False

    eventually(said, timeout=20, message=lambda: f"{text!r} in:\n{browser.text()[:3000]}")


def found(browser, selector):
    return browser.driver.find_elements(By.CSS_SELECTOR, selector)


def worker_row(hostname):
    return WorkerState.objects.create(hostname=hostname, last_heartbeat=timezone.now(), freq=1000)


def task_row(task_id, state="STARTED", name=SLOW, **values):
    return TaskState.objects.create(task_id=task_id, name=name, state=state, tstamp=timezone.now(), **values)


def asked(app, method, **arguments):
    return ask_one(app, Question(method=method, arguments=arguments), NAME, seconds=10).value


def runs(app, task_id):
    return task_id in [each["id"] for each in asked(app, "active", safe=True)]


def give(browser, name, row):
    """Fill in the command's form, which is open, and send it off."""
    command = command_of(controlapp.app, name)
    for field, value in row.typed.items():
        element = browser.find(f"#djtaskq-command [name={field}]")
        if value is True:
            element.click()
        elif element.tag_name == "select":
            Select(element).select_by_value(value)
        else:
            element.clear()
            element.send_keys(value)
    button = browser.find("#djtaskq-command input[type=submit]")
    assert button.get_attribute("value") == ("Yes: " if command.destroys else "") + str(command.label)
    button.click()
    shows(browser, row.said, "#djtaskq-answers" if command.reads else ".messagelist")


def offered(browser):
    """The commands of the page of all commands."""
    browser.find(".djtaskq-commands")
    buttons = found(browser, ".djtaskq-commands button")
    return [button.get_attribute("formaction").split("/")[-2] for button in buttons]


def test_no_command_was_left_out_here():
    assert ROWS.keys() == {*COMMANDS, *customs(controlapp.app)}
    assert ROWS.keys() >= {*ON_LIST, *FEW}
    assert [*ROWS][-1] == "shutdown"


@on_brokers
def test_each_command_of_the_page_is_answered_and_logged(browser, site, app, start_worker, subtests):
    worker = worker_row(NAME)
    every = f"{site}workerstate/command/?workers={worker.pk}"
    browser.open(f"{site}workerstate/{worker.pk}/change/")
    browser.find(f"a[href='{every.removeprefix(site.removesuffix('/admin/djtaskq_monitor/'))}']").click()
    assert sorted(offered(browser)) == sorted(ROWS)
    for name in ROWS if ALL else FEW:
        if name == "shutdown":
            second = start_worker("told@control", "--pool=solo")
            worker = worker_row("told@control")
            every = f"{site}workerstate/command/?workers={worker.pk}"
        with subtests.test(name):
            before = LogEntry.objects.count()
            browser.open(every)
            browser.click(f".djtaskq-commands button[formaction$='/{name}/']")
            give(browser, name, ROWS[name])
            (entry,) = LogEntry.objects.order_by("pk")[before:]
            assert ROWS[name].said in entry.change_message
            assert entry.user.username == "ann"
            browser.open(f"{site}workerstate/{worker.pk}/change/")
            shows(browser, " ".join(entry.change_message[:60].split()), ".djtaskq-recent tbody tr")
    if ALL:
        assert second.wait(30) == 0


@long
@on_brokers
def test_each_command_of_the_list_is_given_to_the_workers_that_were_chosen(
    browser, site, app, start_worker, subtests
):
    second = start_worker("second@control")
    for hostname in (NAME, "second@control"):
        worker_row(hostname)
    for name in ON_LIST:
        with subtests.test(name):
            alone = name == "shutdown"
            browser.open(f"{site}workerstate/{'?q=second' if alone else ''}")
            before = LogEntry.objects.count()
            browser.click("#action-toggle")
            Select(browser.find("select[name=action]")).select_by_value(name)
            browser.click("button[name=index]")
            give(browser, name, ROWS[name])
            told = [entry.change_message for entry in LogEntry.objects.order_by("pk")[before:]]
            assert len(told) == (1 if alone else 2)
            assert all(ROWS[name].said in text for text in told)
    assert second.wait(30) == 0
    browser.open(f"{site}workerstate/")
    actions = {option.get_attribute("value") for option in found(browser, "select[name=action] option")}
    assert actions == {"", "control", *ON_LIST}
    browser.click("#action-toggle")
    Select(browser.find("select[name=action]")).select_by_value("control")
    browser.click("button[name=index]")
    assert sorted(offered(browser)) == sorted(ROWS)


@long
@on_brokers
def test_a_task_is_revoked_and_one_terminated_from_its_page(browser, site, app):
    worker_row(NAME)
    browser.open(f"{site}taskstate/{task_row('waits', 'RECEIVED').pk}/change/")
    browser.click("#djtaskq-revoke button")
    shows(browser, "flagged as revoked", ".messagelist")
    assert "waits" in asked(app, "revoked")

    app.send_task(SLOW, (60,), task_id="runs")
    eventually(lambda: runs(app, "runs"), timeout=20)
    browser.open(f"{site}taskstate/{task_row('runs').pk}/change/")
    browser.click("#djtaskq-terminate button")
    assert runs(app, "runs"), "nothing is done before it is confirmed"
    Select(browser.find("#id_signal")).select_by_value("SIGKILL")
    browser.click("#djtaskq-confirm input[type=submit]")
    shows(browser, "terminate: runs", ".messagelist")
    eventually(lambda: not runs(app, "runs"), timeout=20)
    first, last = LogEntry.objects.order_by("pk")
    assert first.change_message.startswith(f"Revoke: {NAME}: tasks ")
    assert last.change_message.startswith(f"Terminate with SIGKILL: {NAME}: terminate: runs")


@long
@on_brokers
def test_tasks_of_the_list_are_revoked_and_terminated(browser, site, app):
    worker_row(NAME)
    tasks = [task_row(f"chosen-{number}", "RECEIVED") for number in range(2)]
    other = task_row("not-chosen", "RECEIVED")
    app.send_task(SLOW, (60,), task_id="chosen-runs")
    eventually(lambda: runs(app, "chosen-runs"), timeout=20)

    def choose(action, *rows):
        browser.open(f"{site}taskstate/")
        for row in rows:
            browser.click(f".action-select[value='{row.pk}']")
        Select(browser.find("select[name=action]")).select_by_value(action)
        browser.click("button[name=index]")

    choose("revoke", *tasks)
    shows(browser, "2 tasks that have not ended")
    browser.click("#djtaskq-confirm input[type=submit]")
    shows(browser, "flagged as revoked", ".messagelist")
    revoked = asked(app, "revoked")
    assert {row.task_id for row in tasks} <= set(revoked)
    assert other.task_id not in revoked

    choose("terminate", task_row("chosen-runs"))
    shows(browser, "1 task that has not ended")
    assert runs(app, "chosen-runs"), "nothing is done before it is confirmed"
    Select(browser.find("#id_signal")).select_by_value("SIGKILL")
    browser.click("#djtaskq-confirm input[type=submit]")
    shows(browser, "terminate: chosen-runs", ".messagelist")
    eventually(lambda: not runs(app, "chosen-runs"), timeout=20)
    assert LogEntry.objects.count() == 3


@long
@on_brokers
def test_a_task_is_run_again(browser, site, app):
    def done():
        return asked(app, "stats")["total"].get(ADD, 0)

    before = done()
    row = task_row("ended", "FAILURE", ADD, outcome="FAILURE", args="(1, 2)")
    browser.open(f"{site}taskstate/{row.pk}/change/")
    browser.click("a#djtaskq-run-again")
    browser.fill("#id_args", "[1, ")
    browser.fill("#id_kwargs", "{}")
    browser.click("#djtaskq-run-again input[type=submit]")
    browser.find(".errorlist")
    assert done() == before
    browser.fill("#id_args", "[1, 2]")
    browser.click("#djtaskq-run-again input[type=submit]")
    shows(browser, "Sent as ", ".messagelist")
    eventually(lambda: done() == before + 1, timeout=20)
    new = browser.find(".messagelist a").text
    assert LogEntry.objects.get().change_message == f"Run again as {new}."


@long
def test_a_view_is_saved_shared_kept_to_oneself_and_deleted(browser, site):
    task_row("failed-one", "FAILURE", outcome="FAILURE")
    browser.open(f"{site}taskstate/?state=FAILURE")
    browser.click(".djtaskq-views summary")
    browser.fill("#djtaskq-save-view input[name=name]", "What <b>failed")
    browser.click("#djtaskq-save-view button")
    shows(browser, "Saved as “What <b>failed”.", ".messagelist")
    assert browser.find(".djtaskq-view a[aria-current]").text == "What <b>failed"

    for action, opposite in (("share", "unshare"), ("unshare", "share")):
        browser.click(".djtaskq-views summary")
        browser.click(f".djtaskq-views form[action$='/{action}/'] button")
        browser.find(f".djtaskq-views form[action$='/{opposite}/']")
        assert SavedView.objects.get().shared is (action == "share")
        assert ("shared" in browser.find(".djtaskq-view").text) is (action == "share")
    browser.open(f"{site}taskstate/")
    browser.click(".djtaskq-view a")
    assert "state=FAILURE" in browser.driver.current_url
    browser.click(".djtaskq-views summary")
    browser.click(".djtaskq-views form[action$='/delete/'] button")
    shows(browser, "Save this view", ".djtaskq-views")
    assert not found(browser, ".djtaskq-view")


@long
@pytest.mark.urls(__name__)
def test_a_token_is_made_shown_once_and_revoked(browser, site, live_server):
    def answered(token):
        request = Request(f"{live_server.url}/api/tasks", headers={"Authorization": f"Bearer {token}"})
        try:
            with urlopen(request) as response:
                return response.status
        except HTTPError as error:
            return error.code

    browser.open(f"{site}apitoken/add/")
    browser.fill("#id_name", "a script's")
    Select(browser.find("#id_scope")).select_by_value("control")
    browser.click("input[name=_save]")
    token = browser.find(".messagelist .warning").text.split()[-1]
    assert answered(token) == 200
    assert answered(f"{token}x") == 401
    browser.open(f"{site}apitoken/")
    assert token not in browser.driver.page_source
    shows(browser, "valid", "#result_list tbody")
    browser.click("#action-toggle")
    Select(browser.find("select[name=action]")).select_by_value("revoke")
    browser.click("button[name=index]")
    shows(browser, "They open nothing any more.", ".messagelist")
    shows(browser, "The token was revoked.", "#result_list tbody")
    assert answered(token) == 401
    assert LogEntry.objects.latest("pk").change_message == "Revoked."
