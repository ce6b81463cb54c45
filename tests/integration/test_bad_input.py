"""What a user gets for a mistake: a sentence that says what to do, and no trace of ours."""

import pytest

from tests.users import readme
from tests.users.project import Project

PEER = {"djtaskq_beat": "django_celery_beat", "djtaskq_results": "django_celery_results"}


@pytest.fixture
def project(tmp_path, processes):
    return Project(tmp_path / "project", processes, "memory://")


def test_an_unknown_setting_gets_a_suggestion(project):
    project.configure(readme.block("settings"), "DJTASKQ = {'ADMIN_COUNT_LIMITS': 500}")
    complaint = project.complaint("check")
    assert "djtaskq.E002" in complaint
    assert "Did you mean 'ADMIN_COUNT_LIMIT'?" in complaint


def test_a_setting_of_the_wrong_type_says_which_is_right(project):
    project.configure(readme.block("settings"), "DJTASKQ = {'ADMIN_COUNT_LIMIT': 'many'}")
    complaint = project.complaint("check")
    assert "djtaskq.E003" in complaint
    assert "it must be a whole number" in complaint


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("djtaskq_beat.scheduler:DatabaseScheduler", "djtaskq_beat.schedulers:DatabaseScheduler"),
        ("djtaskq_beat.schedulers:DatabaseSchedular", "djtaskq_beat.schedulers:DatabaseScheduler"),
        ("djtasq", "djtaskq"),
    ],
)
def test_a_scheduler_that_is_a_typing_error_gets_a_suggestion(project, wrong, right):
    project.configure(readme.block("settings"), f"CELERY_BEAT_SCHEDULER = {wrong!r}")
    complaint = project.complaint("check")
    assert "djtaskq_beat.E" in complaint
    assert wrong in complaint
    assert right in complaint


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("djtaskq_results.backend:DatabaseBackend", "djtaskq_results.backends:DatabaseBackend"),
        ("djtasq", "djtaskq"),
    ],
)
def test_a_result_backend_that_is_a_typing_error_gets_a_suggestion(project, wrong, right):
    project.configure(readme.block("settings"), f"CELERY_RESULT_BACKEND = {wrong!r}")
    complaint = project.complaint("check")
    assert "djtaskq_results.E" in complaint
    assert right in complaint


@pytest.mark.parametrize(("app", "peer"), PEER.items())
def test_an_app_without_the_package_it_builds_upon_says_what_to_add(project, app, peer):
    project.configure(f"INSTALLED_APPS += ['djtaskq', {app!r}]")
    complaint = project.complaint("check")
    assert f"{peer!r}" in complaint or f'"{peer}"' in complaint
    assert "INSTALLED_APPS" in complaint.splitlines()[-1]


@pytest.mark.parametrize("app", ["djtaskq_beat", "djtaskq_results", "djtaskq_monitor"])
def test_an_app_without_the_core_says_what_to_add(project, app):
    peer = [PEER[app]] if app in PEER else []
    project.configure(f"INSTALLED_APPS += {[*peer, app]!r}")
    complaint = project.complaint("check")
    assert "'djtaskq'" in complaint or '"djtaskq"' in complaint
    assert "INSTALLED_APPS" in complaint.splitlines()[-1]
