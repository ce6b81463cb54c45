"""From a schedule made in the admin to its run, its result and its task state, in a real browser."""

import socket
from contextlib import closing

import pytest
from selenium.webdriver.common.by import By

from tests.waiting import eventually

APP = "djtaskq.project"
PASSWORD = "for-this-test-alone"


@pytest.fixture(params=["sqlite and files", "postgresql and rabbitmq"])
def site(request, tmp_path, processes):
    """The ready-to-run project, all five processes, with nothing in it; the admin's address."""
    environment = {
        "DJTASKQ_DEMO": "1",
        "DJTASKQ_HOME": str(tmp_path / "home"),
        "DJANGO_SETTINGS_MODULE": "djtaskq.project.settings",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    if request.param != "sqlite and files":
        environment["DATABASE_URL"] = request.getfixturevalue("empty_database")("postgresql")
        environment["BROKER_URL"] = request.getfixturevalue("rabbitmq_url")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for command in (
        ["migrate"],
        ["createsuperuser", "--noinput", "--username=ann", "--email=ann@example.com"],
    ):
        assert processes.manage(*command, environment=environment).wait(60) == 0
    for folder in ("messages", "control"):
        (tmp_path / "home" / "broker" / folder).mkdir(parents=True, exist_ok=True)
    web = processes.manage("runserver", "--noreload", f"127.0.0.1:{port}", environment=environment)
    processes.worker(APP, "--task-events", "--queues=celery,reports", environment=environment)
    processes.beat(APP, environment=environment)
    processes.camera(APP, "--frequency=0.5", environment=environment)
    web.wait_for("Quit the server with")
    return f"http://127.0.0.1:{port}/admin/"


def save(browser):
    browser.click("input[name=_save]")
    browser.find("ul.messagelist .success")


def choose(browser, field, text):
    """Choose from one of the admin's searching select boxes as a person does."""
    browser.click(f".field-{field} .select2-selection")
    browser.fill(".select2-search__field", text.split()[1])
    found = eventually(
        lambda: [
            option
            for option in browser.driver.find_elements(By.CSS_SELECTOR, ".select2-results__option")
            if option.text == text
        ]
    )
    found[0].click()


def past_runs(browser, site):
    """The table of last runs on the schedule's page, as text by row."""
    browser.open(site + "django_celery_beat/periodictask/?q=Adding+up")
    browser.click("#result_list tbody th a")
    browser.find("#periodictask_form")
    return [row.text for row in browser.driver.find_elements(By.CSS_SELECTOR, "#djtaskq-last-runs tbody tr")]


def test_a_schedule_made_in_the_admin_runs_is_seen_and_stops(browser, site):
    browser.log_in(site, "ann", PASSWORD)

    browser.open(site + "django_celery_beat/intervalschedule/add/")
    browser.fill("#id_every", "1")
    browser.click("#id_period option[value=seconds]")
    save(browser)

    browser.open(site + "django_celery_beat/periodictask/add/")
    browser.fill("#id_name", "Adding up")
    browser.fill("#id_task", "djtaskq.project.tasks.total_prices")
    choose(browser, "interval", "every second")
    browser.driver.execute_script("document.querySelectorAll('details').forEach(part => part.open = true)")
    browser.fill("#id_args", '[["apples 2.50", "pears 3.25"]]')
    save(browser)

    eventually(lambda: any("SUCCESS" in run for run in past_runs(browser, site)), timeout=30, interval=0.5)

    eventually(
        lambda: past_runs(browser, site) and follow(browser, "django_celery_results/taskresult"),
        timeout=20,
        interval=0.5,
    )
    assert "5.75" in browser.text()
    assert "djtaskq.project.tasks.total_prices" in browser.text()

    eventually(
        lambda: past_runs(browser, site) and follow(browser, "djtaskq_monitor/taskstate"),
        timeout=20,
        interval=0.5,
    )
    assert "SUCCESS" in browser.text()
    assert "apples 2.50" in browser.text()

    past_runs(browser, site)
    browser.click("#id_enabled")
    save(browser)
    last = settled(browser, site)
    browser.open(site + "djtaskq_monitor/workerstate/")
    assert "online" in browser.text()
    assert past_runs(browser, site)[0] == last
    assert not browser.driver.find_elements(By.CSS_SELECTOR, "#djtaskq-next-runs li")


def follow(browser, page):
    """Follow the link to this page of the last run that has one, once there is one."""
    found = browser.driver.find_elements(By.CSS_SELECTOR, f"#djtaskq-last-runs a[href*='{page}']")
    if found:
        found[-1].click()
    return bool(found)


def settled(browser, site):
    """The last run once ten looks, one a half second, have shown no newer one."""
    seen = []

    def quiet():
        seen.append(past_runs(browser, site)[0].split("\n")[0])
        return len(seen) >= 10 and len(set(seen[-10:])) == 1

    eventually(quiet, timeout=40, interval=0.5)
    return past_runs(browser, site)[0]
