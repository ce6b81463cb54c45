"""`make demo`'s command, as a person runs it: started, looked at, stopped with Ctrl-C, started again."""

import re
import signal
import socket
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.waiting import eventually

QUESTIONS = {
    "schedules that ran": "SELECT count(*) FROM djtaskq_beat_taskrun WHERE state = 'published'",
    "results": "SELECT count(*) FROM django_celery_results_taskresult WHERE status = 'SUCCESS'",
    "tasks that the camera saw": "SELECT count(*) FROM djtaskq_monitor_taskstate WHERE state = 'SUCCESS'",
    "workers": "SELECT count(*) FROM djtaskq_monitor_workerstate WHERE last_heartbeat IS NOT NULL",
}


@pytest.fixture
def port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def demo(processes, tmp_path, port):
    """Start the demo in a home of its own."""
    environment = {
        "DJTASKQ_DEMO": "1",
        "DJTASKQ_HOME": str(tmp_path / "home"),
        "DJANGO_SETTINGS_MODULE": "djtaskq.project.settings",
    }
    return lambda *options: processes.manage("demo", f"--port={port}", *options, environment=environment)


def answers(home):
    with closing(sqlite3.connect(f"file:{home}/db.sqlite3?mode=ro", uri=True)) as database:
        return {what: database.execute(query).fetchone()[0] for what, query in QUESTIONS.items()}


def of_home(home):
    """The processes that are at work in this home, whoever started them."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"DJTASKQ_HOME={home}\0".encode() in environ.read_bytes():
                found.append((environ.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_the_demo_shows_everything_at_work_stops_without_a_trace_and_goes_on(demo, tmp_path, port):
    home = tmp_path / "home"
    first = demo()
    first.wait_for(f"http://127.0.0.1:{port}/admin/", 60)
    assert re.search(r"password\s+\S{12}", first.output)
    first.wait_for(lambda: (home / "db.sqlite3").exists() and all(answers(home).values()), 60)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/") as page:
        assert page.status == 200
    assert first.stop(signal.SIGINT) == 130
    assert of_home(home) == []
    before = answers(home)

    second = demo()
    second.wait_for(
        lambda: all(answer > before[what] for what, answer in answers(home).items() if what != "workers"), 60
    )
    assert first.output.split("password")[1].split()[0] == second.output.split("password")[1].split()[0]
    assert second.stop(signal.SIGINT) == 130
    eventually(lambda: not of_home(home))


def test_a_taken_port_says_which_other_to_take(demo, port):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        refused = demo()
        assert refused.wait() == 1
    assert refused.output.strip().endswith(f"make demo PORT={port + 1}")
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
        ("BROKER_URL", "redis://127.0.0.1:1/0"),
        ("BROKER_URL", "amqp://127.0.0.1:1//"),
    ],
)
def test_a_server_that_is_not_there_says_what_to_do(processes, tmp_path, port, variable, url):
    refused = processes.manage(
        "demo",
        f"--port={port}",
        environment={
            "DJTASKQ_DEMO": "1",
            "DJTASKQ_HOME": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "djtaskq.project.settings",
            variable: url,
        },
    )
    assert refused.wait(60) == 1
    assert f"or leave {variable} out" in refused.output.replace("\n", " ")
    assert "Traceback" not in refused.output


def test_without_the_demo_s_settings_it_does_not_start(processes, tmp_path):
    refused = processes.manage(
        "demo",
        environment={
            "DJTASKQ_HOME": str(tmp_path),
            "DJTASKQ_SECRET_KEY": "x",
            "DJANGO_SETTINGS_MODULE": "djtaskq.project.settings",
        },
    )
    assert refused.wait() == 1
    assert "DJTASKQ_DEMO=1" in refused.output
