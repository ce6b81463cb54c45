"""The API where its tests find it, and how they read what it answers."""

from django.urls import include, path

from tests import urls as tests_urls
from tests.monitoring import TRACEBACK, event, success

urlpatterns = [*tests_urls.urlpatterns, path("api/", include("djtaskq_monitor.api.urls"))]


def failure(task_id):
    """The events of a task that fails within a second."""
    *begun, _succeeded = success(task_id)
    return [
        *begun,
        event("task-failed", 0.9, uuid=task_id, exception="ValueError('no')", traceback=TRACEBACK),
    ]


def said(response, status):
    assert response.status_code == status, response.content
    return response.json()
