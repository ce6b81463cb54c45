"""Making, changing and running such a project."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT
from tests.users import readme

CELERY = """\
import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")

app = Celery("proj")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
INIT = """\
from .celery import app as celery_app

__all__ = ("celery_app",)
"""
TASKS = """\
from celery import shared_task


@shared_task
def add(x, y):
    return x + y


@shared_task
def fail(text):
    raise ValueError(text)
"""


class Project:
    """A project named `proj` in a folder, with the tasks `proj.tasks.add` and `proj.tasks.fail`."""

    def __init__(self, folder, processes, broker_url, database=None):
        self.folder = Path(folder)
        self.processes = processes
        self.database = database
        self.broker_url = broker_url
        # The suite is found as an installed package is: by its place on the path, not by the working folder.
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "proj.settings",
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
        }
        self.folder.mkdir(exist_ok=True)
        self.run("-m", "django", "startproject", "proj", ".", settings=False)
        self.original = (self.folder / "proj" / "settings.py").read_text()
        (self.folder / "proj" / "celery.py").write_text(CELERY)
        (self.folder / "proj" / "__init__.py").write_text(INIT)
        (self.folder / "proj" / "tasks.py").write_text(TASKS)

    def configure(self, *blocks):
        """Write the settings anew: what startproject wrote, the broker, and these blocks."""
        lines = [self.original, 'INSTALLED_APPS += ["proj"]', f"CELERY_BROKER_URL = {self.broker_url!r}"]
        lines.append("CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True")
        if self.database:
            lines.append(f"DATABASES = {{'default': {self.database!r}}}")
        (self.folder / "proj" / "settings.py").write_text("\n".join([*lines, *blocks]))

    def run(self, *arguments, settings=True):
        """Run Python to its end in the project; its output, or a failure that shows it."""
        done = self._run(arguments, settings=settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def complaint(self, *arguments):
        """What `manage.py` says when it refuses."""
        done = self._run(["manage.py", *arguments], settings=True)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def _run(self, arguments, *, settings):
        environment = dict(os.environ)
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        environment.pop("DJTASKQ_TEST_DATABASE", None)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment | (self.environment if settings else {}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def manage(self, *arguments):
        return self.run("manage.py", *arguments)

    def evaluate(self, expression):
        """The JSON value of an expression, with the ORM's models at hand."""
        code = (
            "import json; from django.apps import apps; from django.utils import timezone; "
            "model = lambda name: apps.get_model(name).objects; "
            f"print('VALUE' + json.dumps({expression}, default=str))"
        )
        output = self.manage("shell", "--no-startup", "-v", "0", "-c", code)
        return json.loads(output.rpartition("VALUE")[2])

    def start(self, *words):
        """Start one of the README's `celery` commands."""
        assert words[0] == "celery", words
        return self.processes.python(
            "-m", *words, "--loglevel=INFO", environment=self.environment, folder=self.folder
        )

    def schedule(self, name, task="proj.tasks.add", args="[2, 3]", every=1):
        """Create an interval schedule through the ORM, as a user's own code does."""
        self.evaluate(
            "model('django_celery_beat.periodictask').create("
            f"name={name!r}, task={task!r}, args={args!r}, "
            "interval=model('django_celery_beat.intervalschedule').get_or_create("
            f"every={every}, period='seconds')[0]).pk"
        )


def readme_settings():
    return readme.block("settings")
