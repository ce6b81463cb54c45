"""docs/standalone.md, done as it says: a Flask application, watched by its broker alone."""

import json
import re
import signal
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.processes import Processes
from tests.servers.places import free_port
from tests.users.document import Document
from tests.users.site import Site
from tests.waiting import eventually

PROBE_TOKEN = "a-token-of-some-length"
TASK = "shop.charge"
SETTINGS = {"DJANGO_SETTINGS_MODULE": "djtaskq.project.settings"}
pytestmark = pytest.mark.timeout(180)


class Shop:
    """The application of the page with its worker, in a folder of its own; and who watches it."""

    def __init__(self, folder: Path, processes: Processes, redis_url: str):
        self.folder, self._processes = folder, processes
        ports = {port: str(free_port()) for port in ("5000", "8000")}
        self.page = Document("standalone.md", **{"redis://localhost:6379/0": redis_url}, **ports)
        self._broker = {"BROKER_URL": redis_url}
        (folder / "shop.py").write_text(self.page.block("shop.py"))
        self.web, self.worker = (self.start(*command) for command in self.page.commands("shop"))
        self.web.wait_for("Running on")
        self.worker.wait_for(" ready.")

    def start(self, environment, words, **more):
        """Start what stands in the page; the programs of its virtual environment are this one's."""
        program = Path(words[0]).name
        command = words[1:] if program == "python" else ["-m", program, *words[1:]]
        settings = {
            "DJANGO_SETTINGS_MODULE": "djtaskq.project.settings",
            **self._broker,
            **environment,
            **more,
        }
        return self._processes.python(*command, environment=settings, folder=self.folder)

    def run(self, words, **variables):
        """What a `curl` of the page prints, once it goes well."""

        def printed():
            filled = [re.sub(r"\$(\w+)", lambda found: variables[found[1]], word) for word in words]
            done = subprocess.run(
                [filled[0], "--silent", "--show-error", "--fail-with-body", *filled[1:]],
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        return printed()

    def order(self):
        """The ids of the orders of the page: one that can be charged, one that cannot."""
        return [json.loads(self.run(words))["task"] for _, words in self.page.commands("orders")]


@pytest.fixture
def shop(tmp_path, processes, redis_url):
    return Shop(tmp_path, processes, redis_url)


def test_what_the_page_says_of_an_application_with_flask(shop):
    ((environment, words),) = shop.page.commands("watch")
    watching = shop.start(environment, words, DJTASKQ_PROBE_TOKEN=PROBE_TOKEN)
    watching.wait_for("Connected to", 60)
    address = re.search(r"djtaskq is at\s+(\S+)", watching.output)[1]
    eventually(lambda: Site.answers(address), timeout=30)
    password = re.search(r"password\s+(\S{12})", watching.output)[1]
    site = Site(address, "demo", password)
    token = site.token("control")
    paid, refused = shop.order()

    def ask(number, **variables):
        _, words = shop.page.commands("api")[number]
        return json.loads(shop.run(words, TOKEN=token, **variables))

    failed = eventually(lambda: ask(0), timeout=30)
    assert {refused: (TASK, "FAILURE")} == {
        key: (each["name"], each["state"]) for key, each in failed.items()
    }
    assert "0 cents cannot be charged" in failed[refused]["exception"]

    def of_paid():
        one = site.read(f"../celery/api/task/info/{paid}")
        return one["state"] == "SUCCESS" and (one["result"], one["queue"])

    assert eventually(of_paid) == ("'ada paid 12.50 EUR'", "celery")
    ((worker, online),) = site.read("../celery/api/workers?status=1").items()
    assert online
    assert ask(2, WORKER=worker) == {"message": "new rate limit set successfully"}
    for what in ("djtaskq_monitor/taskstate/", "djtaskq_monitor/queuestate/", "djtaskq_monitor/workerstate/"):
        assert site.open(what)[0] == HTTPStatus.OK
    assert TASK in site.open("djtaskq_monitor/taskstate/")[1]
    for app in ("djtaskq_beat", "djtaskq_results", "djtaskq.project.tasks"):
        assert app not in site.open("djtaskq_monitor/dashboard/")[1]

    assert shop.worker.stop() == 0
    shop.order()

    def waiting():
        return {queue["name"]: queue["messages"] for queue in ask(1)["active_queues"]}["celery"]

    eventually(lambda: waiting() == 2, timeout=30)
    ((_, metrics),) = shop.page.commands("metrics")
    failures = re.compile(rf'^celery_task_failed_total{{[^}}]*name="{TASK}"[^}}]*}} 1$', re.MULTILINE)
    for told in (failures, re.compile('^celery_queue_length{queue_name="celery"} 2$', re.MULTILINE)):
        eventually(
            lambda told=told: told.search(shop.run(metrics, DJTASKQ_PROBE_TOKEN=PROBE_TOKEN)), timeout=30
        )
    assert watching.stop(signal.SIGINT) == 130
    assert "Traceback" not in watching.output, watching.output


def test_the_page_s_commands_for_a_server(tmp_path, redis_url):
    page = Document("standalone.md")
    lines = [line.partition("#")[0].strip() for line in page.block("environment").splitlines()]
    given = SETTINGS | dict(line.split("=", 1) for line in lines)
    given |= {
        name: "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR" for name in given if not given[name]
    }
    given |= {"BROKER_URL": redis_url, "DATABASE_URL": "", "DJTASKQ_HOME": str(tmp_path)}
    *commands, (_, user) = page.commands("prepare")
    assert user[-1] == "createsuperuser"
    processes = Processes(tmp_path)
    for _, words in commands:
        done = processes.python(*words[1:], environment=given, folder=tmp_path)
        assert done.wait(60) == 0, done.output
    assert "no issues" in done.output
    assert (tmp_path / "static" / "admin").is_dir()
    _, (_, (python, *camera)) = page.commands("serve")
    assert python == "python"
    try:
        processes.python(*camera, environment=given, folder=tmp_path).wait_for("Connected to")
    finally:
        processes.close()


def test_watching_needs_a_broker(processes, tmp_path):
    for url, said in (("", "Which broker?"), ("redis://127.0.0.1:1/0", "The broker does not answer")):
        environment = {"BROKER_URL": url, **SETTINGS}
        refused = processes.python(
            *("-m", "djtaskq.project", "watch", f"--port={free_port()}"),
            environment=environment,
            folder=tmp_path,
        )
        assert refused.wait() == 1
        assert said in refused.output
        assert "Traceback" not in refused.output


def test_who_watches_has_no_tasks_and_leaves_messages_to_the_workers_that_hold_them(tmp_path):
    """Any client of Redis gives back what is older than its own `visibility_timeout`, to be run again."""
    code = (
        "from djtaskq.project.celery import app; import json; "
        "print(json.dumps([app.conf.broker_transport_options, app.conf.task_default_queue, "
        "app.conf.result_backend, sorted(n for n in app.tasks if not n.startswith('celery.'))]))"
    )
    more = {"task_default_queue": "shop", "broker_transport_options": {"global_keyprefix": "shop:"}}
    environment = {
        "DJTASKQ_WATCH": "1",
        "DJTASKQ_CELERY": json.dumps(more),
        "BROKER_URL": "redis://localhost:1/0",
        "DJTASKQ_SECRET_KEY": "x",
    }
    done = subprocess.run(
        [sys.executable, "-m", "djtaskq.project", "shell", "--no-startup", "-v", "0", "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    options, queue, backend, tasks = json.loads(done.stdout)
    assert options["visibility_timeout"] > 86_400 * 365
    assert options["global_keyprefix"] == "shop:"
    assert (queue, backend, tasks) == ("shop", None, [])
