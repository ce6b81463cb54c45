"""Searches and filters that people save under a name, and share."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from djtaskq_monitor.models import SavedView
from tests.contract.monitor.listing import LIST


class TestSavedViews:
    save = reverse("admin:djtaskq_monitor_tasks_save")

    def url(self, view, action):
        return reverse("admin:djtaskq_monitor_tasks_view", args=[view.pk, action])

    def test_one_is_saved_listed_shared_and_deleted(self, viewer):
        data = {"name": "Slow <b>", "query": "state=FAILURE&q=a+%22b%22&after=x,1&p=2"}
        saved = viewer.post(self.save, data)
        view = SavedView.objects.get()
        assert view.query == "state=FAILURE&q=a+%22b%22"
        assert saved["Location"] == f"{LIST}?{view.query}"
        page = viewer.get(saved["Location"])
        assert "Slow &lt;b&gt;" in page.content.decode()
        assert (
            'href="/admin/djtaskq_monitor/taskstate/?state=FAILURE&amp;q=a+%22b%22" aria-current'
            in page.content.decode()
        )
        viewer.post(self.save, {**data, "query": "state=SUCCESS"})
        assert SavedView.objects.get().query == "state=SUCCESS"
        viewer.post(self.url(view, "share"))
        assert SavedView.objects.get().shared
        viewer.post(self.url(view, "unshare"))
        assert not SavedView.objects.get().shared
        viewer.post(self.url(view, "delete"))
        assert not SavedView.objects.exists()

    def test_others_see_what_is_shared_and_change_nothing(self, viewer, database):
        other = User.objects.create_user("other", password="x", is_staff=True)
        shared = SavedView.objects.create(
            user=other, page="tasks", name="shared one", query="a=b", shared=True
        )
        own = SavedView.objects.create(user=other, page="tasks", name="their own", query="a=b")
        page = viewer.get(LIST).content.decode()
        assert "shared one" in page
        assert "their own" not in page
        for view in (shared, own):
            for action in ("share", "unshare", "delete"):
                assert viewer.post(self.url(view, action)).status_code == 404
        assert SavedView.objects.filter(shared=True).count() == 1

    def test_it_takes_the_permission_a_post_and_its_token(self, viewer, client):
        someone = User.objects.get()
        view = SavedView.objects.create(user=someone, page="tasks", name="x", query="")
        for url in (self.save, self.url(view, "delete")):
            assert viewer.get(url).status_code == 405
            strict = Client(enforce_csrf_checks=True)
            strict.force_login(someone)
            assert strict.post(url, {"name": "y"}).status_code == 403
        someone.user_permissions.clear()
        for url in (self.save, self.url(view, "delete")):
            assert client.post(url, {"name": "y"}).status_code == 403
        client.logout()
        assert client.post(self.save, {"name": "y"}).status_code == 302
        assert SavedView.objects.count() == 1

    def test_a_name_is_needed_and_there_is_a_limit(self, viewer, monkeypatch):
        assert viewer.post(self.save, {"name": "", "query": ""}).status_code == 302
        monkeypatch.setattr("djtaskq_monitor.admin.saved_views.MOST", 1)
        for name in "abc":
            viewer.post(self.save, {"name": name, "query": "x=%00&state=x"})
        assert SavedView.objects.count() == 1
