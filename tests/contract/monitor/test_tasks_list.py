"""The list of tasks: every row once, filtered within bounds, by indexes where there are some."""

import datetime as dt
from itertools import chain

import pytest
from django.db import connections
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq.db.plans import by_index
from djtaskq_monitor.models import TaskState
from tests.contract.monitor.listing import LIST, changelist, numbers, rows, walk

TABLE = "djtaskq_monitor_taskstate"
PAGE = 50


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


@pytest.mark.parametrize(
    "value", ["%00", "%F0%9F%8E%89", "%27", "x" * 3_000, "%25", "2026-11-21T10:00,5", "\\"]
)
def test_no_value_in_a_link_is_an_error(viewer, value):
    rows(2)
    for name in ("state", "name", "worker", "queue", "exception", "root", "slower", "since", "until", "q",
                 "after", "before", "o", "p", "e", "_facets"):  # fmt: skip
        changelist(viewer, f"?{name}={value}")


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
