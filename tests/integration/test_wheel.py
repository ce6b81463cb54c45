"""What is published is the wheel: it must hold all that the source tree does, and run without it."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.processes import ROOT

PACKAGES = ("djtaskq", "djtaskq_beat", "djtaskq_results", "djtaskq_monitor")

SETTINGS = """
INSTALLED_APPS += ["django_celery_beat", "django_celery_results"]
INSTALLED_APPS += ["djtaskq", "djtaskq_beat", "djtaskq_results", "djtaskq_monitor"]
CELERY_BEAT_SCHEDULER = "djtaskq"
CELERY_RESULT_BACKEND = "djtaskq"
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "data_folder_in": str(BASE_DIR / "messages"),
    "data_folder_out": str(BASE_DIR / "messages"),
    "control_folder": str(BASE_DIR / "control"),
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
"""

APP = """
import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
app = Celery("mysite")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task
def add(x, y):
    return x + y
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = folder.glob("djtaskq-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment that has the wheel, the same dependencies as this one, and no way to the source tree."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    # After pip, which would look for an older djtaskq there. Its own .pth files are not read from here,
    # so that the source tree, installed in this environment as editable, stays out of sight.
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(python, packages)


class Installed:
    def __init__(self, python, packages):
        self.python = python
        self.packages = packages
        names = {"PYTHONPATH", "DJANGO_SETTINGS_MODULE", "DJTASKQ_TEST_DATABASE"}
        self.environment = {name: value for name, value in os.environ.items() if name not in names}

    def run(self, *arguments, folder):
        done = subprocess.run(
            [self.python, "-W", "error", *arguments],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def project(installed, tmp_path):
    """A project by startproject, migrated on SQLite."""
    installed.run("-m", "django", "startproject", "mysite", ".", folder=tmp_path)
    settings = tmp_path / "mysite" / "settings.py"
    settings.write_text(settings.read_text() + SETTINGS)
    (tmp_path / "mysite" / "celery.py").write_text(APP)
    (tmp_path / "mysite" / "__init__.py").write_text("from mysite.celery import app as celery_app\n")
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()
    installed.run("manage.py", "migrate", "-v", "0", folder=tmp_path)
    return tmp_path


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    source = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == source
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_apps_come_from_the_wheel_and_not_from_the_source_tree(installed, tmp_path):
    code = f"import json; print(json.dumps([__import__(name).__file__ for name in {PACKAGES}]))"
    files = json.loads(installed.run("-c", code, folder=tmp_path))
    assert files == [str(installed.packages / package / "__init__.py") for package in PACKAGES]


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ("celery.beat_schedulers", "djtaskq_beat.schedulers.DatabaseScheduler"),
        ("celery.result_backends", "djtaskq_results.backends.DatabaseBackend"),
    ],
)
def test_the_entry_points_lead_to_the_classes(installed, project, group, target):
    code = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'; django.setup();"
        "from importlib.metadata import entry_points;"
        f"found = entry_points(group={group!r}, name='djtaskq')['djtaskq'].load();"
        "print(found.__module__ + '.' + found.__qualname__)"
    )
    assert installed.run("-c", code, folder=project).strip() == target


def test_a_project_on_the_wheel_has_nothing_to_complain_about(installed, project):
    assert "no issues" in installed.run("manage.py", "check", folder=project)
    assert "No changes" in installed.run(
        "manage.py", "makemigrations", "--check", "--dry-run", folder=project
    )


def test_the_project_that_watches_others_runs_on_the_wheel(installed, tmp_path, monkeypatch):
    watching = {"DJTASKQ_WATCH": "1", "DJTASKQ_SECRET_KEY": "x", "BROKER_URL": "redis://127.0.0.1:1/0"}
    monkeypatch.setattr(installed, "environment", installed.environment | watching)
    installed.run("-m", "djtaskq.project", "migrate", "-v", "0", folder=tmp_path)
    assert (tmp_path / "watch" / "db.sqlite3").exists()


def test_a_task_runs_on_the_wheel_and_its_result_comes_back(installed, project, processes):
    worker = processes.start(
        installed.python,
        *("-m", "celery", "-A", "mysite", "worker", "--pool=solo", "--loglevel=INFO"),
        environment={"PYTHONPATH": "", "DJANGO_SETTINGS_MODULE": "mysite.settings"},
        folder=project,
    )
    worker.wait_for(" ready.")
    code = "from mysite.celery import add; print('got', add.delay(2, 3).get(timeout=30))"
    assert "got 5" in installed.run("manage.py", "shell", "-c", code, folder=project)
    assert worker.stop() == 0
