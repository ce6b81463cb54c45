"""A team moves from the peers' classes to ours and back, with its rows in place."""

import uuid

import psycopg2
import pytest

from tests.users import readme
from tests.users.project import Project
from tests.waiting import eventually

PEERS = """
INSTALLED_APPS += ["django_celery_beat", "django_celery_results"]
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
"""
OURS = readme.block("settings") + "\nCELERY_RESULT_EXTENDED = True\n"


@pytest.fixture
def project(tmp_path, processes, redis_url, servers):
    server = servers.use("postgresql")
    name = f"moving_{uuid.uuid4().hex}"
    connection = psycopg2.connect(f"{server.url}/postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "HOST": "127.0.0.1",
        "PORT": server.port,
        "USER": server.user,
        "PASSWORD": server.password,
    }
    yield Project(tmp_path / "project", processes, redis_url, database)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


def results(project):
    """Task ids by periodic task, of every result in the table that is a success."""
    return project.evaluate(
        "list(model('django_celery_results.taskresult').filter(status='SUCCESS')"
        ".order_by('id').values_list('task_id', 'periodic_task_name', 'result'))"
    )


def run_counts(project):
    return project.evaluate(
        "dict(model('django_celery_beat.periodictask').exclude(name__startswith='celery.')"
        ".values_list('name', 'total_run_count'))"
    )


def run_until_more(project, than, more=3):
    """Run beat and worker until each schedule has `more` runs and results than before; stop both."""
    worker = project.start("celery", "-A", "proj", "worker")
    worker.wait_for(" ready.")
    beat = project.start("celery", "-A", "proj", "beat")
    before = len(results(project))
    eventually(lambda: len(results(project)) >= before + more * max(1, len(than)), timeout=60, interval=0.5)
    assert beat.stop() == 0, beat.output
    assert worker.stop() == 0, worker.output
    assert "Traceback" not in beat.output, beat.output
    return beat


def test_every_schedule_and_every_result_goes_on_over_the_move_and_back(project):
    project.configure(PEERS)
    project.manage("migrate")
    for number in range(3):
        project.schedule(f"Schedule {number}", args=f"[{number}, 1]")
    run_until_more(project, range(3))
    at_peers, counts_at_peers = results(project), run_counts(project)
    assert all(count >= 1 for count in counts_at_peers.values())

    project.configure(OURS)
    project.manage("migrate")
    run_until_more(project, range(3))
    at_ours, counts_at_ours = results(project), run_counts(project)
    assert at_ours[: len(at_peers)] == at_peers
    assert all(counts_at_ours[name] > count for name, count in counts_at_peers.items())
    for number in range(3):
        mine = [row for row in at_ours[len(at_peers) :] if row[1] == f"Schedule {number}"]
        assert mine
        assert {row[2] for row in mine} == {str(number + 1)}
    old, new = at_peers[0][0], at_ours[-1][0]
    assert both_read(project, old, new)

    project.configure(PEERS)
    assert both_read(project, old, new)
    run_until_more(project, range(3))
    assert results(project)[: len(at_ours)] == at_ours
    assert all(run_counts(project)[name] > count for name, count in counts_at_ours.items())
    # The peers' project knows nothing of our tables: their rows can still be deleted.
    project.evaluate("model('django_celery_beat.periodictask').all().delete()[0]")
    project.evaluate("model('django_celery_results.taskresult').all().delete()[0]")


def both_read(project, *task_ids):
    """Whether the configured backend reads results that either backend wrote."""
    values = project.evaluate(
        f"[__import__('proj').celery_app.AsyncResult(task_id).get(timeout=5) for task_id in {task_ids!r}]"
    )
    return all(isinstance(value, int) for value in values)
