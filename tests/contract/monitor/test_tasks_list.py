"""The list of tasks: every row once, filtered and searched within bounds, by indexes where there are some."""

import datetime as dt
from itertools import chain

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from djtaskq.db.plans import by_index
from djtaskq_monitor import search, searching
from djtaskq_monitor.models import SavedView, TaskState
from djtaskq_monitor.recording.order import outcome

LIST = reverse("admin:djtaskq_monitor_taskstate_changelist")
TABLE = "djtaskq_monitor_taskstate"
PAGE = 50
SECRET = "hunter2"


def rows(count, **columns):
    """So many tasks, the newest first, three of each moment; a column may be a function of the number."""
    now = timezone.now().replace(microsecond=0)
    usual = {"name": "shop.usual", "state": "SUCCESS", "worker_id": "one@h", "queue": "celery", **columns}
    made = []
    for number in range(count):
        seen = now - dt.timedelta(seconds=number // 3)
        values = {name: value(number) if callable(value) else value for name, value in usual.items()}
        task_id = values.pop("task_id", f"{number:06}-task")
        made.append(
            TaskState(
                task_id=task_id, tstamp=seen, first_seen=seen, outcome=outcome(values["state"]), **values
            )
        )
    TaskState.objects.bulk_create(made)
    return made


@pytest.fixture
def viewer(database, client):
    someone = User.objects.create_user("viewer", password="x", is_staff=True)
    someone.user_permissions.set(Permission.objects.filter(codename="view_taskstate"))
    client.force_login(someone)
    return client


def changelist(client, query="", **filters):
    response = client.get(f"{LIST}{query}", filters)
    assert response.status_code == 200
    return response.context["cl"]


def numbers(found):
    return [int(row.task_id[:6]) for row in found.result_list]


def walk(client, query, link="page_after"):
    pages = []
    while query is not None:
        found = changelist(client, query)
        pages.append(numbers(found))
        query = getattr(found, link) or None
        assert len(pages) < 60
    return pages


@pytest.mark.parametrize("query", ["", "?q=usual", "?q=-state:FAILURE", "?state=SUCCESS&name=shop.usual"])
def test_every_task_is_on_one_page_in_order_both_ways(viewer, query):
    rows(160)
    pages = walk(viewer, query)
    assert [len(page) for page in pages] == [PAGE, PAGE, PAGE, 10]
    shown = list(chain(*pages))
    assert sorted(shown) == list(range(160))
    assert [number // 3 for number in shown] == sorted(number // 3 for number in shown)
    second = changelist(viewer, changelist(viewer, query).page_after)
    third = changelist(viewer, second.page_after)
    assert numbers(changelist(viewer, third.page_before)) == pages[1]
    assert numbers(changelist(viewer, changelist(viewer, third.page_before).page_before)) == pages[0]


def test_each_filter_and_each_word_finds_its_own(viewer):
    now = timezone.now()
    rows(
        60,
        name=lambda number: "shop.rare" if number % 20 == 0 else "shop.usual",
        state=lambda number: "FAILURE" if number % 30 == 0 else "STARTED" if number == 7 else "SUCCESS",
        worker_id=lambda number: "two@h" if number == 5 else None if number == 6 else "one@h",
        queue=lambda number: "slow" if number == 8 else "celery",
        exception=lambda number: "ValueError('no such order')" if number % 30 == 0 else None,
        runtime=float,
        retries=lambda number: number % 10,
        root_id=lambda number: "000040-task" if number in {41, 42} else f"{number:06}-task",
        parent_id=lambda number: "000041-task" if number == 42 else None,
        received=lambda number: now - dt.timedelta(hours=number),
        kwargs=lambda number: f"{{'order': {number}, 'note': 'x'}}",
    )
    for given_, expected in {
        "name=shop.rare": [0, 20, 40],
        "state=FAILURE": [0, 30],
        "state=STARTED": [7],
        "worker=two@h": [5],
        "queue=slow": [8],
        "exception=ValueError": [0, 30],
        "slower=58s": [58, 59],
        "slower=nonsense&q=id:000001": [1],
        "root=000040-task": [40, 41, 42],
        "name=shop.rare&state=FAILURE": [0],
        "q=000042-task": [42],
        "q=id:00004": list(range(40, 50)),
        "q=shop.rare": [0, 20, 40],
        "q=exception:order": [0, 30],
        "q=state:failure name:usual": [30],
        "q=state:started": [7],
        "q=worker:two": [5],
        "q=-worker:one": [5, 6],
        "q=queue:SLOW OR runtime:>58s": [8, 59],
        "q=parent:000041-task": [42],
        "q=retries:>=9 runtime:<20": [9, 19],
        "q=received:>2h": [0, 1],
        "q=kwargs:order=4": [4],
        "q=NOT (runtime:<59s)": [59],
        "q=(queue:slow OR worker:two) -id:000008": [5],
        "since=7d&q=runtime:0": [0],
        "until=2020-01-01": [],
    }.items():
        assert sorted(numbers(changelist(viewer, f"?{given_.replace(' ', '+')}"))) == expected, given_


def test_a_search_that_cannot_be_read_says_where_and_shows_nothing(viewer):
    rows(3)
    page = viewer.get(LIST, {"q": "shop (usual"})
    assert "This parenthesis is not closed, at position 5." in page.content.decode()
    assert numbers(page.context["cl"]) == []


@pytest.mark.parametrize(
    "value", ["%00", "%F0%9F%8E%89", "%27", "x" * 3_000, "%25", "2026-11-21T10:00,5", "\\"]
)
def test_no_value_in_a_link_is_an_error(viewer, value):
    rows(2)
    for name in ("state", "name", "worker", "queue", "exception", "root", "slower", "since", "until", "q",
                 "after", "before", "o", "p", "e", "_facets"):  # fmt: skip
        changelist(viewer, f"?{name}={value}")


def test_a_search_looks_through_a_bounded_number_and_says_so(viewer, monkeypatch):
    monkeypatch.setattr(searching, "_FIRST_STEP", 100)
    monkeypatch.setattr(searching, "MOST_ROWS", 600)
    monkeypatch.setattr(searching, "SECONDS", 1_000)
    rows(1_500, name=lambda number: "shop.old" if number > 1_400 else "shop.usual")
    found = changelist(viewer, "?q=old")
    assert (numbers(found), found.page.looked_at, found.page.total) == ([], 600, None)
    text = viewer.get(f"{LIST}?q=old").content.decode()
    assert "looked through 600 tasks, back to" in text
    assert "Look further" in text
    assert sorted(chain(*walk(viewer, "?q=old"))) == list(range(1_401, 1_500))
    assert changelist(viewer, "?q=name:shop.old+state:SUCCESS&name=shop.old").page.total == 99


def test_a_search_ends_in_time(viewer, monkeypatch):
    monkeypatch.setattr(searching, "_FIRST_STEP", 100)
    monkeypatch.setattr(searching, "SECONDS", 0)
    rows(300)
    assert changelist(viewer, "?q=nothing").page.looked_at == 100


def test_a_secret_is_not_to_be_found_by_looking_for_it(viewer):
    """Neither by what is found nor by what is left out."""
    rows(
        4, kwargs=lambda number: f"{{'password': '{SECRET if number == 2 else 'x'}', 'user': 'ann{number}'}}"
    )
    assert numbers(changelist(viewer, f"?q={SECRET}")) == []
    assert numbers(changelist(viewer, f"?q=kwargs:password={SECRET}")) == []
    assert len(numbers(changelist(viewer, f"?q=-{SECRET}"))) == 4
    assert len(numbers(changelist(viewer, f"?q=-kwargs:{SECRET}"))) == 4
    assert numbers(changelist(viewer, "?q=kwargs:user=ann2")) == [2]
    assert sorted(numbers(changelist(viewer, "?q=-kwargs:ann2"))) == [0, 1, 3]
    assert SECRET not in viewer.get(f"{LIST}?q=user").content.decode()


words = st.sampled_from(["ann", "bob", "ERR", "shop.one", "one@h", "t-1", "slow", "'user'"])
leaves = st.one_of(
    st.builds(search.Text, st.sampled_from([None, *search.TEXTS]), words.map(str.casefold)),
    st.builds(search.Same, st.sampled_from(search.SAME), st.sampled_from(["FAILURE", "slow", "t-1"])),
    st.builds(search.Begins, st.sampled_from(["t-", "t-1", "x"])),
    st.builds(search.Pair, st.just("user"), st.sampled_from(["ann", "bob"])),
    st.builds(search.Compared, st.just("runtime"), st.sampled_from([">", "<=", "="]), st.just(1.0)),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: (
        st.builds(search.Not, inner)
        | st.builds(lambda some: search.And(tuple(some)), st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda some: search.Or(tuple(some)), st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=6,
)


def test_the_database_finds_what_the_conditions_mean(database):
    values = {
        "name": [None, "shop.one", "shop.two"],
        "state": ["FAILURE", "STARTED", "SUCCESS"],
        "worker_id": [None, "one@h"],
        "kwargs": [None, "{'user': 'ann'}", "{'user': 'bob', 'token': 'ann'}"],
        "result": [None, "bob", "{'password': 'bob'}"],
        "exception": [None, "Err('ann')"],
        "queue": [None, "slow"],
        "runtime": [None, 1.0, 2.0],
        "parent_id": [None, "t-1"],
    }
    spread = {name: (lambda number, some=some, by=by: some[number // by % len(some)])
              for by, (name, some) in enumerate(values.items(), 1)}  # fmt: skip
    rows(60, task_id=lambda number: f"t-{number}", **spread)
    every = [searching._as_shown(row) | {"pk": row["pk"]} for row in _values()]

    @settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
    @given(trees)
    def agrees(tree):
        found = searching.search_page(TaskState.objects.all(), tree, None, size=100)
        assert {row.pk for row in found.rows} == {row["pk"] for row in every if search.matches(tree, row)}

    agrees()


def _values():
    for row in TaskState.objects.values("pk", *searching.COLUMNS.values()):
        pk = row.pop("pk")
        yield _Row(row, pk)


class _Row(dict):
    def __init__(self, values, pk):
        super().__init__(values)
        self._pk = pk

    def __getitem__(self, name):
        return self._pk if name == "pk" else super().__getitem__(name)


def test_tabs_count_states_and_stop_counting(viewer, monkeypatch):
    from djtaskq_monitor.admin import tasks_list

    rows(130, state=lambda number: "FAILURE" if number % 10 == 0 else "STARTED" if number % 2 else "SUCCESS")
    counts = {tab.label: tab.count for tab in changelist(viewer).tabs}
    assert (counts["All"], counts["FAILURE"], counts["STARTED"], counts["REVOKED"]) == ("", "13", "65", "0")
    monkeypatch.setattr(tasks_list, "UNENDED", 10)
    monkeypatch.setattr(tasks_list, "conf", lambda: type("Few", (), {"ADMIN_COUNT_LIMIT": 5}))
    counts = {tab.label: tab.count for tab in changelist(viewer, "?state=FAILURE").tabs}
    assert (counts["FAILURE"], counts["STARTED"]) == ("5+", "10+")
    (current,) = [tab for tab in changelist(viewer, "?state=FAILURE").tabs if tab.current]
    assert current.label == "FAILURE"
    assert all(tab.count == "" for tab in changelist(viewer, "?name=shop.usual").tabs)


def test_the_list_is_live_and_says_when_nothing_changed(viewer, django_assert_max_num_queries, database):
    rows(3)
    first = viewer.get(LIST, headers={"X-Djtaskq-Live": "1"})
    headers = {"X-Djtaskq-Live": "1", "If-None-Match": first["ETag"]}
    with django_assert_max_num_queries(6, using=database):
        assert viewer.get(LIST, headers=headers).status_code == 304
    now = timezone.now() + dt.timedelta(seconds=1)
    TaskState.objects.create(task_id="000099", tstamp=now, state="STARTED")
    again = viewer.get(LIST, headers=headers)
    assert again.status_code == 200
    assert "000099" in again.content.decode()


def explained(database, sql):
    connection = connections[database]
    with connection.cursor() as cursor:
        cursor.execute(f"{'EXPLAIN QUERY PLAN' if connection.vendor == 'sqlite' else 'EXPLAIN'} {sql}")
        return [" ".join(map(str, line)) for line in cursor.fetchall()]


QUERIES = (
    *("", "?after=2026-11-21T10:00:00%2B00:00,500", "?since=1h", "?state=FAILURE", "?state=STARTED"),
    *("?name=shop.old", "?worker=one@h", "?name=shop.old&state=FAILURE&worker=one@h", "?root=000007-task"),
    *("?q=000042", "?q=id:000042", "?q=root:000007-task", "?q=shop&since=1h", "?queue=slow", "?slower=5s"),
    *("?q=-name:usual+received:<1d", "?exception=ValueError"),
)


@pytest.mark.parametrize(
    "database", ["default", "sqlite"], indirect=True
)  # MariaDB reads so few rows at once
def test_no_page_reads_the_whole_table(viewer, database):
    rows(
        4_000,
        state=lambda number: "FAILURE" if number % 50 == 0 else "STARTED" if number % 500 == 1 else "SUCCESS",
        name=lambda number: "shop.old" if number > 3_900 else "shop.usual",
        root_id=lambda number: "000007-task" if number in {8, 9} else f"{number:06}-task",
    )
    vendor = connections[database].vendor
    with connections[database].cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")
    whole = f"SCAN {TABLE}" if vendor == "sqlite" else f"Seq Scan on {TABLE}"
    for query in QUERIES:
        with CaptureQueriesContext(connections[database]) as captured:
            changelist(viewer, query)
        asked = [entry["sql"] for entry in captured if TABLE in entry["sql"]]
        assert len(asked) <= 16, [query, *asked]
        with by_index(database):
            for sql in asked:
                plan = explained(database, sql)
                read = [line for line in plan if whole in line and "USING" not in line]
                assert not read, [query, sql, *plan]


class TestActions:
    def test_all_that_match_are_those_of_the_filters(self, database, admin_client, monkeypatch):
        rows(6, state="STARTED", name=lambda number: "shop.a" if number < 2 else "shop.b")
        meant = []
        from djtaskq_monitor.admin.tasks import TaskStateAdmin

        monkeypatch.setattr(
            TaskStateAdmin, "_revoke_many", lambda _self, _request, found, _command: meant.append(found)
        )
        data = {"action": "revoke", "index": 0, "select_across": "1", "_selected_action": ["0"]}
        admin_client.post(f"{LIST}?name=shop.a&state=STARTED", data)
        (found,) = meant
        assert isinstance(found, QuerySet)
        assert sorted(found.values_list("task_id", flat=True)) == ["000000-task", "000001-task"]

    def test_what_a_search_of_texts_finds_is_not_acted_upon_unseen(self, database, admin_client):
        rows(2, state="STARTED")
        data = {"action": "revoke", "index": 0, "select_across": "1", "_selected_action": ["0"]}
        for query in ("?q=shop", "?q=broken+(", "?q=-kwargs:abc"):
            page = admin_client.post(f"{LIST}{query}", data, follow=True)
            assert "select page by page" in page.content.decode()


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


def test_what_only_the_eye_can_tell_ends_in_time_and_goes_on(viewer, monkeypatch):
    """The database takes all of them for possible: each has to be looked at as it is shown."""
    monkeypatch.setattr(searching, "SECONDS", 0)
    rows(400, kwargs=lambda number: "{'user': 'bob'}" if number == 399 else "{'user': 'ann'}")
    first = changelist(viewer, "?q=-kwargs:user=ann")
    assert numbers(first) == []
    assert first.page.looked_to is not None
    assert list(chain(*walk(viewer, "?q=-kwargs:user=ann"))) == [399]
