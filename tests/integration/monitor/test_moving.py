"""Who comes from django-celery-monitor: its README's lines, the dotted path and the app's name changed."""

import pytest

from tests.users.project import Project
from tests.waiting import eventually

# What its README has a user write and run, but for those two names.
LINES = (
    'INSTALLED_APPS += ("djtaskq_monitor",)',
    "from datetime import timedelta",
    "CELERY_MONITOR_TASK_SUCCESS_EXPIRES = timedelta(days=7)",
)
# What it is told to add when it is run like that.
CORE = 'INSTALLED_APPS += ("djtaskq",)'
COMMAND = "celery -A proj events --camera djtaskq_monitor.camera.Camera --frequency=2.0"
PAGE = """
from django.contrib.auth import get_user_model
from django.test import Client

user = get_user_model().objects.filter(username="admin").first()
client = Client(SERVER_NAME="localhost")
client.force_login(user or get_user_model().objects.create_superuser("admin"))
print(client.get("/admin/djtaskq_monitor/{model}/").content.decode())
"""


@pytest.fixture
def project(tmp_path, processes, redis_url):
    project = Project(tmp_path / "project", processes, redis_url)
    project.configure(*LINES)
    return project


def test_the_readme_of_django_celery_monitor_shows_its_workers_and_tasks(project):
    assert 'add "djtaskq" to INSTALLED_APPS' in project.complaint("migrate", "djtaskq_monitor")
    project.configure(*LINES, CORE)
    project.manage("migrate")
    camera = project.start(*COMMAND.split())
    camera.wait_for("Connected to", timeout=60)
    worker = project.start("celery", "-A", "proj", "worker", "-E", "--pool=solo", "--hostname=shown@here")
    worker.wait_for(" ready.", timeout=60)
    tasks = "__import__('proj.tasks').tasks"
    added, failed = project.evaluate(f"[{tasks}.add.delay(2, 3).id, {tasks}.fail.delay('no').id]")
    ended = "dict(model('djtaskq_monitor.taskstate').exclude(outcome=None).values_list('task_id', 'state'))"
    eventually(
        lambda: project.evaluate(ended) == {added: "SUCCESS", failed: "FAILURE"}, timeout=60, interval=0.5
    )
    tasks, workers = page(project, "taskstate"), page(project, "workerstate")
    assert all(shown in tasks for shown in ("proj.tasks.add", "proj.tasks.fail", "shown@here"))
    assert "shown@here" in workers
    assert worker.stop() == 0
    assert camera.stop() == 0
    assert "Traceback" not in camera.output, camera.output


def page(project, model):
    return project.manage("shell", "--no-startup", "-v", "0", "-c", PAGE.format(model=model))
