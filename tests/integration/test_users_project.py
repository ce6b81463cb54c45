"""A new user's first hour: the README's own lines in a project outside this repository."""

import pytest

from tests.users import readme
from tests.users.project import Project
from tests.waiting import eventually


@pytest.fixture
def project(tmp_path, processes, redis_url):
    project = Project(tmp_path / "project", processes, redis_url)
    project.configure(readme.block("settings"))
    return project


def test_the_readme_s_lines_are_all_it_takes(project):
    migrate, *commands = readme.commands("commands")
    assert migrate[:2] == ["python", "manage.py"]
    project.manage(*migrate[2:])
    assert "no issues" in project.manage("check")
    started = [project.start(*command) for command in commands]
    started[0].wait_for(" ready.")
    project.schedule("Every second")
    eventually(
        lambda: project.evaluate("model('djtaskq_beat.taskrun').filter(state='published').count()") >= 3,
        timeout=60,
        interval=0.5,
    )
    eventually(
        lambda: project.evaluate("model('django_celery_results.taskresult').filter(result='5').count()") >= 3,
        timeout=30,
        interval=0.5,
    )
    eventually(
        lambda: (
            project.evaluate(
                "model('djtaskq_monitor.taskstate').filter(state='SUCCESS', name='proj.tasks.add').count()"
            )
            >= 3
        ),
        timeout=30,
        interval=0.5,
    )
    assert project.evaluate("[w.is_alive() for w in model('djtaskq_monitor.workerstate').all()]") == [True]
    for process in reversed(started):
        assert process.stop() == 0, process.output
        assert "Traceback" not in process.output, process.output


@pytest.mark.parametrize(
    ("installed", "command"),
    [
        (["djtaskq", "django_celery_beat", "djtaskq_beat"], "beat -S djtaskq"),
        (["djtaskq", "django_celery_results", "djtaskq_results"], "worker"),
        (["djtaskq", "djtaskq_monitor"], "events --camera=djtaskq_monitor.camera.Camera"),
    ],
    ids=["beat", "results", "monitor"],
)
def test_each_app_works_without_the_other_two(project, installed, command):
    project.configure(
        f"INSTALLED_APPS += {installed!r}",
        "CELERY_RESULT_BACKEND = 'djtaskq'" if "djtaskq_results" in installed else "",
    )
    project.manage("migrate")
    project.manage("check")
    process = project.start("celery", "-A", "proj", *command.split())
    if "djtaskq_beat" in installed:
        process.wait_for("beat: Starting")
    elif "djtaskq_results" in installed:
        process.wait_for(" ready.")
        assert project.evaluate("__import__('proj.tasks').tasks.add.delay(2, 3).get(timeout=20)") == 5
        # A pool that is stopped while its last result is on the way waits for it half a minute.
        process.wait_for("succeeded in")
    else:
        process.wait_for(lambda: project.evaluate("model('djtaskq_monitor.camerastate').count()") == 1)
    assert process.stop() == 0, process.output
    assert "Traceback" not in process.output, process.output
