"""The way between pages: what is installed and permitted, and a letter for each."""

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.test import RequestFactory

from djtaskq.admin import navigation

ALL = [str(label).capitalize() for label, _key, _model in navigation.PAGES]


class Person:
    """A user with these permissions, or all for None."""

    is_active = is_staff = True

    def __init__(self, *permissions, every=False):
        self.permissions, self.every = permissions, every

    def has_perm(self, permission, _obj=None):
        return self.every or permission in self.permissions


@pytest.fixture
def pages():
    """The labels of the pages that this user sees at this path."""
    admin.autodiscover()

    def seen(user, path="/", site="admin"):
        request = RequestFactory().get(path)
        request.user, request.current_app = user, site
        return navigation.navigation(request)

    return seen


def test_who_may_see_all_sees_all_that_is_installed(pages):
    assert [entry.label for entry in pages(Person(every=True))] == ALL


def test_only_what_is_permitted_is_there(pages):
    runs = pages(Person("djtaskq_beat.view_taskrun"))
    assert [(entry.label, entry.key, entry.url) for entry in runs] == [
        ("Runs", "u", "/admin/djtaskq_beat/taskrun/")
    ]
    # The timetable is for everybody who may see the schedules.
    schedules = pages(Person("django_celery_beat.change_periodictask"))
    assert [entry.label for entry in schedules] == ["Schedules", "Timetable"]
    assert pages(Person()) == []


def test_the_page_where_one_is_says_so(pages):
    entries = pages(Person(every=True), path="/admin/djtaskq_monitor/taskstate/abc/change/")
    assert [entry.label for entry in entries if entry.current] == ["Tasks"]


def test_a_model_that_the_site_does_not_show_is_not_there(pages):
    other = AdminSite(name="other")
    assert other in admin.sites.all_sites
    assert pages(Person(every=True), site="other") == []


def test_an_app_that_is_not_installed_is_not_there(pages, monkeypatch):
    monkeypatch.setattr(navigation, "PAGES", (("gone", "x", "no_such_app.Model"), *navigation.PAGES))
    assert [entry.label for entry in pages(Person(every=True))] == ALL


def test_each_page_has_a_letter_of_its_own():
    keys = [key for _label, key, _model in navigation.PAGES]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {"g", "?", "/", "r"}
