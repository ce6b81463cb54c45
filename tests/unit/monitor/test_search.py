"""The search's syntax: Flower's, with negation, dates, comparisons and more fields."""

import datetime as dt
import pickle

import pytest

from djtaskq_monitor import search
from djtaskq_monitor.search import (
    And,
    Begins,
    Compared,
    Everything,
    Not,
    Or,
    Pair,
    Same,
    SearchError,
    Text,
    matches,
)

ZONE = dt.timezone(dt.timedelta(hours=2))
NOW = dt.datetime(2026, 11, 21, 12, 30, tzinfo=ZONE)
TASK = {
    "id": "3f2b-77",
    "name": "shop.tasks.Charge",
    "state": "FAILURE",
    "worker": "celery@one",
    "args": "(1, 'pears')",
    "kwargs": "{'customer': 'Ann', 'total': 5, 'more': [1, 2], 'note': 'it\\'s'}",
    "result": None,
    "exception": "ValueError('no such order')",
    "traceback": 'File "shop.py", line 3',
    "queue": "Slow",
    "root": "root-1",
    "parent": None,
    "seen": NOW - dt.timedelta(hours=2),
    "received": NOW - dt.timedelta(hours=1),
    "runtime": 7.5,
    "retries": 2,
}


def parsed(query):
    return search.parsed(query, now=NOW)


def at(*when):
    return dt.datetime(*when, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("Shop", Text(None, "shop")),
        ("name:Shop", Text("name", "shop")),
        ("NAME:shop", Text("name", "shop")),
        ("foo:bar", Text(None, "foo:bar")),
        ("state:failure", Same("state", "failure")),
        ("one two", None),
        ("shop tasks", And((Text(None, "shop"), Text(None, "tasks")))),
        ("shop AND tasks", And((Text(None, "shop"), Text(None, "tasks")))),
        ("shop OR tasks state:x", Or((Text(None, "shop"), And((Text(None, "tasks"), Same("state", "x")))))),
        ("(shop OR tasks) state:x", And((Or((Text(None, "shop"), Text(None, "tasks"))), Same("state", "x")))),
        ('"shop tasks"', Text(None, "shop tasks")),
        ('name:"shop tasks"', Text("name", "shop tasks")),
        ('"name:shop tasks"', Text("name", "shop tasks")),
        ('"queue:slow"', Text(None, "queue:slow")),
        (r'"say \"no\" \\"', Text(None, 'say "no" \\')),
        ('"AND"', Text(None, "and")),
        ("and", Text(None, "and")),
        ("kwargs:customer=Ann", Pair("customer", "ann")),
        ("kwargs:customer", Text("kwargs", "customer")),
        ("kwargs:a=", Pair("a", "")),
        ("shop shop", Text(None, "shop")),
        ("-shop", Not(Text(None, "shop"))),
        ("NOT shop", Not(Text(None, "shop"))),
        ("NOT -shop", Text(None, "shop")),
        ("NOT NOT shop", Text(None, "shop")),
        ('-"a b c"', Not(Text(None, "a b c"))),
        ('"-shop"', Text(None, "-shop")),
        ("-state:SUCCESS", Not(Same("state", "SUCCESS"))),
        ("-(shop OR tasks)", Not(Or((Text(None, "shop"), Text(None, "tasks"))))),
        ("shop NOT tasks", And((Text(None, "shop"), Not(Text(None, "tasks"))))),
        ("non-empty", Text(None, "non-empty")),
        ("queue:q", Same("queue", "q")),
        ("id:3f", Begins("3f")),
        ("root:x parent:y", And((Same("root", "x"), Same("parent", "y")))),
        ("exception:KeyError", Text("exception", "keyerror")),
        ("runtime:>5s", Compared("runtime", ">", 5.0)),
        ("runtime:<=200ms", Compared("runtime", "<=", 0.2)),
        ("runtime:>1.5min", Compared("runtime", ">", 90.0)),
        ("runtime:2", Compared("runtime", "=", 2.0)),
        ("retries:>=2", Compared("retries", ">=", 2)),
        ("retries:0", Compared("retries", "=", 0)),
        ("since:24h", Compared("seen", ">=", NOW - dt.timedelta(days=1))),
        ("until:2026-01-02", Compared("seen", "<", at(2026, 1, 2))),
        ("received:>=2026-01-01", Compared("received", ">=", at(2026, 1, 1))),
        ("received:>2026-01-01", Compared("received", ">=", at(2026, 1, 2))),
        ("received:<=2026-01-01", Compared("received", "<", at(2026, 1, 2))),
        ("received:<2026-01-01T10:00", Compared("received", "<", at(2026, 1, 1, 10))),
        ("received:<=2026-01-01T10:00", Compared("received", "<", at(2026, 1, 1, 10, 1))),
        ("started:>2026-01-01T10:00:30Z", Compared("started", ">=", at(2026, 1, 1, 12, 0, 31))),
        ("started:>2026-01-01T10:00:30.5", Compared("started", ">", at(2026, 1, 1, 10, 0, 30, 500_000))),
        ("sent:>15m", Compared("sent", ">", NOW - dt.timedelta(minutes=15))),
        ("received:2026-01-01", And((
            Compared("received", ">=", at(2026, 1, 1)), Compared("received", "<", at(2026, 1, 2)),
        ))),
    ],
)  # fmt: skip
def test_a_query_is_read(query, tree):
    if tree is None:
        tree = And((Text(None, "one"), Text(None, "two")))
    assert parsed(query) == tree


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("ab", 0),
        ("shop ab", 5),
        ('"open', 0),
        ('shop ""', 5),
        ("(shop", 0),
        ("shop)", 4),
        ("()", 0),
        ("shop OR", 5),
        ("OR shop", 0),
        ("AND", 0),
        ("shop AND OR x", 5),
        ("NOT", 0),
        ("shop -", 5),
        ("name:", 0),
        ("name:ab", 0),
        ("(((((( shop ))))))", 5),
        ("retries:x", 0),
        ("retries:>-1", 0),
        ("runtime:soon", 0),
        ("shop received:>yesterday", 5),
        ("since:>1h", 0),
        ("received:>99999-01-01", 0),
        ("received:<9999-12-31", None),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(query, position):
    if position is None:
        parsed(query.replace("9999", "9998"))
        return
    with pytest.raises(SearchError) as refused:
        parsed(query)
    assert refused.value.position == position
    assert f"at position {position}." in str(refused.value)
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.position) == (str(refused.value), position)


def test_a_query_has_bounds():
    assert parsed("(((((shop)))))") == Text(None, "shop")
    assert len(parsed(" ".join(f"w{number:03}" for number in range(128))).children) == 128
    for query in ("x" * 2_049, " ".join(["abc"] * 129)):
        with pytest.raises(SearchError) as refused:
            parsed(query)
        assert refused.value.position is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("charge", True),
        ("3F2B", True),
        ("celery@one state:failure", True),
        ("no-such", False),
        ("valueerror", False),  # as in Flower: of the exception there is a word of its own
        ("exception:valueerror", True),
        ("-exception:valueerror", False),
        ("traceback:shop.py", True),
        ("result:none", False),
        ("-result:none", True),
        ("kwargs:customer=ann", True),
        ("kwargs:customer=an", False),
        ("kwargs:total=5", True),
        ("kwargs:total=50 OR kwargs:other=5", False),
        ('kwargs:more="[1, 2]"', True),
        ("kwargs:note=it's", True),
        ("queue:slow", True),
        ("queue:slo", False),
        ("root:root-1 -parent:root-1", True),
        ("id:3f2", True),
        ("id:f2b", False),
        ("runtime:>5s", True),
        ("runtime:>=7.5 runtime:<=7.5s runtime:7500ms", True),
        ("runtime:<5s", False),
        ("started:>2000-01-01", False),
        ("-started:>2000-01-01", True),
        ("retries:>=2 retries:<3", True),
        ("received:2026-11-21 since:3h until:1h", True),
        ("since:1h", False),
        ("(charge OR refund) -(state:SUCCESS OR pears)", False),
        ("(charge OR refund) -(state:SUCCESS OR plums)", True),
    ],
)
def test_a_task_meets_a_query(query, found):
    assert matches(parsed(query), TASK) is found


def test_keyword_arguments_are_read_as_far_as_they_go():
    assert search.pairs("{'a': 1, 'b': {'c': 'x, y'}, 'd': 'cut") == {
        ("a", "1"), ("b", "{'c': 'x, y'}"), ("d", "'cut"),
    }  # fmt: skip
    assert search.pairs("") == search.pairs("no") == search.pairs("{") == search.pairs("{1: 2}") == set()
    assert search.pairs('{"a": "b"}') == {("a", "b")}
