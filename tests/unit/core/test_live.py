"""Pages that answer at once where nothing has changed."""

from types import SimpleNamespace

import pytest
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import translation

from djtaskq.admin.live import HEADER, every, live

ASKED = {HEADER: "1"}


@pytest.fixture
def ask():
    """Ask a page of this fingerprint; returns the response."""

    def asking(fingerprint, *, user=1, tag="", path="/", headers=ASKED, view=None):
        request = RequestFactory().get(path, headers={**headers, **({"If-None-Match": tag} if tag else {})})
        request.user = SimpleNamespace(pk=user)
        request._messages = CookieStorage(request)
        view = view or (lambda _request: HttpResponse("page"))
        return live(lambda _request: fingerprint)(view)(request)

    return asking


def test_a_page_that_has_not_changed_answers_304_without_being_made(ask):
    first = ask("one")
    assert (first.status_code, first.content) == (200, b"page")

    def never(_request):
        pytest.fail("the page was made")

    again = ask("one", tag=first["ETag"], view=never)
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert ask("two", tag=first["ETag"]).status_code == 200


def test_a_person_gets_the_page_and_no_tag(ask):
    tag = ask("one")["ETag"]
    response = ask("one", tag=tag, headers={})
    assert response.status_code == 200
    assert "ETag" not in response


@pytest.mark.parametrize("other", [{"user": 2}, {"path": "/?state=FAILURE"}])
def test_another_page_has_another_tag(ask, other):
    tag = ask("one")["ETag"]
    assert ask("one", tag=tag, **other).status_code == 200


def test_another_language_has_another_tag(ask):
    tag = ask("one")["ETag"]
    with translation.override("de"):
        assert ask("one", tag=tag).status_code == 200


def test_a_refresh_is_kept_by_nobody_on_the_way(ask):
    assert "no-cache" in ask("one")["Cache-Control"]
    assert HEADER in ask("one")["Vary"]


def test_messages_wait_for_a_person(ask):
    stored = []

    def reads_messages(request):
        storage = messages.get_messages(request)
        list(storage)
        stored.append(storage)
        return HttpResponse("page")

    ask("one", view=reads_messages)
    assert not stored[0].used, "a refresh used up messages that nobody saw"
    ask("one", view=reads_messages, headers={})
    assert stored[1].used


def test_what_grows_old_changes_with_time(monkeypatch):
    monkeypatch.setattr("djtaskq.admin.live.time.time", lambda: 59.9)
    before = every(30)
    monkeypatch.setattr("djtaskq.admin.live.time.time", lambda: 60.0)
    assert every(30) == before + 1
