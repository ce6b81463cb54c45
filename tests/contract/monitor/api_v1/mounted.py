"""The described API where its tests find it, and how they read what it answers."""

from http import HTTPStatus

from django.urls import include, path

from tests import urls as tests_urls

urlpatterns = [*tests_urls.urlpatterns, path("", include("djtaskq_monitor.urls"))]


def said(response, status=HTTPStatus.OK):
    assert response.status_code == status, response.content
    return response.json()


def pages(ask, what, name, **query):
    """What all pages hold, by page."""
    found, cursor = [], None
    while True:
        page = said(ask(what, **query, **({"cursor": cursor} if cursor else {})))
        found.append(page[name])
        cursor = page["next"]
        if cursor is None:
            return found
