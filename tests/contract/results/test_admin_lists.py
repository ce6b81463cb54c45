"""The list of results: every row once, whatever the page; bounded, whatever the filter."""

import datetime as dt
from itertools import chain

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq.db.plans import by_index
from djtaskq_results.models import TaskDetail

LIST = reverse("admin:django_celery_results_taskresult_changelist")
TABLE = "django_celery_results_taskresult"
PAGE = 50
# Three rows of each moment: the time alone does not tell them apart.
AT_ONCE = 3
MOST_STATEMENTS = 8


@pytest.fixture
def staff(database, client):
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "secret"))
    return client


@pytest.fixture
def few(settings):
    """Count no further than the least that can be set."""
    settings.DJTASKQ = {"ADMIN_COUNT_LIMIT": 100}


def rows(count, **columns):
    """So many results, the newest first; a column's value may be a function of the row's number."""
    now = timezone.now().replace(microsecond=0)
    given = {"task_name": "proj.usual", "status": "SUCCESS", "worker": "one@host", **columns}
    made = [
        TaskResult(
            task_id=f"{number:05}-task",
            content_type="application/json",
            content_encoding="utf-8",
            **{name: value(number) if callable(value) else value for name, value in given.items()},
        )
        for number in range(count)
    ]
    for number, row in enumerate(made):
        row.date_done = now - dt.timedelta(seconds=number // AT_ONCE)
    written_now = TaskResult._meta.get_field("date_done")
    written_now.auto_now = False
    try:
        TaskResult.objects.bulk_create(made)
    finally:
        written_now.auto_now = True
    return made


def numbers(changelist):
    return [int(row.task_id[:5]) for row in changelist.result_list]


def changelist(client, query=""):
    response = client.get(f"{LIST}{query}")
    assert response.status_code == 200, response
    return response.context["cl"]


def walk(client, query="", link="page_after"):
    """All pages from this one on: their rows' numbers."""
    pages = []
    while query is not None:
        found = changelist(client, query)
        pages.append(numbers(found))
        query = getattr(found, link) or None
        assert len(pages) < 100
    return pages


def test_every_row_is_on_one_page_in_order_both_ways(staff):
    rows(160)
    pages = walk(staff)
    assert [len(page) for page in pages] == [PAGE, PAGE, PAGE, 10]
    shown = list(chain(*pages))
    assert sorted(shown) == list(range(160))
    assert [number // AT_ONCE for number in shown] == sorted(number // AT_ONCE for number in shown)
    oldest_first = list(chain(*walk(staff, "?o=4")))
    assert oldest_first == shown[::-1]


def test_the_way_back_shows_the_same_pages(staff):
    rows(160)
    there = walk(staff)
    second = changelist(staff, changelist(staff).page_after)
    third = changelist(staff, second.page_after)
    back = changelist(staff, third.page_before)
    assert numbers(back) == there[1]
    assert numbers(changelist(staff, back.page_before)) == there[0]
    assert not changelist(staff, back.page_before).page_before


def test_rows_that_came_meanwhile_move_nothing(staff):
    rows(120)
    first = changelist(staff)
    TaskResult.objects.create(task_id="99999-new")
    assert not set(numbers(changelist(staff, first.page_after))) & set(numbers(first))


def test_a_link_that_cannot_be_read_leads_to_the_first_page(staff):
    rows(3)
    for query in ("?after=x", "?after=2026-01-01,x", "?before=", "?after=,"):
        assert len(numbers(changelist(staff, query))) == 3


@pytest.mark.parametrize("value", ["%00", "%F0%9F%8E%89", "%27", "x" * 3_000, "%25", "2026-11-21T10:00,5"])
def test_no_value_in_a_link_is_an_error(staff, value):
    rows(2)
    names = (
        "status",
        "task_name",
        "worker",
        "queue",
        "since",
        "until",
        "q",
        "after",
        "before",
        "o",
        "p",
        "e",
    )
    for name in names:
        changelist(staff, f"?{name}={value}" if name == "status" else f"?{name}={value}&status=FAILURE")


def test_filters_find_theirs(staff):
    rows(
        60,
        task_name=lambda number: "proj.rare" if number % 20 == 0 else "proj.usual",
        status=lambda number: "FAILURE" if number % 30 == 0 else "SUCCESS",
        worker=lambda number: "two@host" if number == 5 else "one@host",
    )
    TaskDetail.objects.create(task_id="00007-task", queue="slow", created_at=timezone.now())
    assert numbers(changelist(staff, "?task_name=proj.rare")) == [0, 20, 40]
    assert numbers(changelist(staff, "?status=FAILURE")) == [0, 30]
    assert numbers(changelist(staff, "?worker=two@host")) == [5]
    assert numbers(changelist(staff, "?queue=slow")) == [7]
    assert numbers(changelist(staff, "?status=FAILURE&task_name=proj.rare")) == [0]
    assert numbers(changelist(staff, "?q=00042")) == [42]
    assert len(numbers(changelist(staff, "?q=proj.usual"))) == PAGE
    assert changelist(staff, "?q=proj.rare").page.total == 3


def test_a_time_bounds_the_list(staff):
    made = rows(30)
    since = timezone.localtime(made[8].date_done).strftime("%Y-%m-%dT%H:%M:%S")
    until = timezone.localtime(made[3].date_done).strftime("%Y-%m-%dT%H:%M:%S")
    assert sorted(numbers(changelist(staff, f"?since={since}"))) == list(range(9))
    assert sorted(numbers(changelist(staff, f"?since={since}&until={until}"))) == [6, 7, 8]
    assert len(numbers(changelist(staff, "?since=1h"))) == 30
    assert len(numbers(changelist(staff, "?since=nonsense"))) == 30


def test_what_is_rare_is_found_however_old_and_counted(staff, few):
    rows(1_300, status=lambda number: "REVOKED" if number >= 1_290 else "SUCCESS")
    found = changelist(staff, "?status=REVOKED")
    assert sorted(numbers(found)) == list(range(1_290, 1_300))
    assert found.page.total == 10
    assert not found.page_after


def test_what_is_neither_rare_nor_near_is_looked_for_further_and_further(staff, few):
    rows(2_400, task_name=lambda number: "proj.old" if number >= 2_200 else "proj.usual")
    first = changelist(staff, "?task_name=proj.old")
    assert numbers(first) == []
    assert first.page.looked_to is not None
    assert "Look further" in staff.get(f"{LIST}?task_name=proj.old").content.decode()
    pages = walk(staff, "?task_name=proj.old")
    assert sorted(chain(*pages)) == list(range(2_200, 2_400))


def test_a_large_table_is_not_counted(staff, few):
    rows(300)
    page = staff.get(LIST).content.decode()
    assert "more than 100 task results" in page
    assert changelist(staff).page.total is None


def test_a_queue_is_offered_where_details_are_kept(staff):
    rows(1)
    assert "By queue" not in staff.get(LIST).content.decode()
    TaskDetail.objects.create(task_id="00000-task", queue="slow", created_at=timezone.now())
    assert "By queue" in staff.get(LIST).content.decode()


def explained(database, sql):
    connection = connections[database]
    with connection.cursor() as cursor:
        cursor.execute(f"{'EXPLAIN QUERY PLAN' if connection.vendor == 'sqlite' else 'EXPLAIN'} {sql}")
        return [" ".join(map(str, line)) for line in cursor.fetchall()]


def reads_all(vendor, line):
    if vendor == "sqlite":
        return f"SCAN {TABLE}" in line and "USING" not in line
    # MariaDB reads a table of this size whatever its indexes.
    return vendor != "mysql" and f"Seq Scan on {TABLE}" in line


QUERIES = (
    *("", "?o=4", "?after=2026-11-21T10:00:00%2B00:00,500", "?since=1h", "?since=24h&status=FAILURE"),
    *("?status=REVOKED", "?status=FAILURE", "?task_name=proj.old", "?worker=one@host", "?queue=slow"),
    *("?status=FAILURE&task_name=proj.old&worker=one@host", "?q=00042", "?q=proj.old"),
)


def test_every_page_is_answered_from_indexes_in_few_statements(staff, few, database):
    rows(
        1_500,
        status=lambda number: "REVOKED" if number % 500 == 7 else "FAILURE" if number % 5 == 0 else "SUCCESS",
        task_name=lambda number: "proj.old" if number > 1_200 else "proj.usual",
    )
    vendor = connections[database].vendor
    with connections[database].cursor() as cursor:
        cursor.execute(f"{'ANALYZE TABLE' if vendor == 'mysql' else 'ANALYZE'} {TABLE}")
    for query in QUERIES:
        with CaptureQueriesContext(connections[database]) as captured:
            changelist(staff, query)
        asked = [entry["sql"] for entry in captured if TABLE in entry["sql"]]
        assert len(asked) <= MOST_STATEMENTS, [query, *asked]
        with by_index(database):
            for sql in asked:
                plan = explained(database, sql)
                assert not any(reads_all(vendor, line) for line in plan), [query, sql, *plan]
