"""The digest of a beat_schedule: one for what is equal, wherever it is read, and another for each change."""

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery, schedules
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_beat.declaring.entries import digest_of, wanted

APP = Celery("digests", set_as_current=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SCHEDULES = st.one_of(
    st.integers(1, 10**6),
    st.builds(schedules.crontab, minute=st.integers(0, 59), hour=st.sampled_from(["*", "*/2", [1, 3]])),
    st.builds(schedules.solar, st.just("sunset"), st.integers(-60, 60), st.integers(-180, 180)),
)
ENTRIES = st.fixed_dictionaries(
    {"task": st.sampled_from(["a", "b"]), "schedule": SCHEDULES},
    optional={
        "args": st.lists(VALUES, max_size=2),
        "kwargs": st.dictionaries(st.text(max_size=3), VALUES, max_size=4),
        "options": st.fixed_dictionaries(
            {}, optional={"queue": st.sampled_from(["x", "y"]), "priority": st.integers(0, 9)}
        ),
        "enabled": st.booleans(),
    },
)
ONE = {
    "task": "a",
    "schedule": 60,
    "args": [1],
    "kwargs": {"x": {"y": 1, "z": 2}},
    "options": {"queue": "q", "expires": 9, "headers": {"h": 1}},
}


def digest(entries):
    return digest_of({name: entry and wanted(name, entry, APP) for name, entry in entries.items()})


def turned_round(value):
    """Every dictionary with its keys in the opposite order."""
    if isinstance(value, dict):
        return {key: turned_round(value[key]) for key in reversed(value)}
    return [turned_round(item) for item in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(min_size=1, max_size=4), ENTRIES, max_size=4))
def test_the_order_of_keys_does_not_matter(entries):
    assert digest(turned_round(entries)) == digest(entries)


@given(ENTRIES, ENTRIES)
def test_what_is_equal_has_one_digest_and_what_is_not_has_two(one, other):
    first, second = wanted("x", one, APP), wanted("x", other, APP)
    same = (first.spec, said(first)) == (second.spec, said(second))
    assert (digest({"x": one}) == digest({"x": other})) == same


def said(entry):
    texts = {name: json.loads(entry.columns[name]) for name in ("args", "kwargs", "headers")}
    return json.dumps({**entry.columns, **texts}, sort_keys=True)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "b"},
        {"schedule": 61},
        {"schedule": schedules.crontab()},
        {"args": [2]},
        {"args": [True]},
        {"kwargs": {"x": {"y": 1, "z": 3}}},
        {"options": {"queue": "other", "expires": 9, "headers": {"h": 1}}},
        {"options": {"queue": "q", "expires": 10, "headers": {"h": 1}}},
        {"options": {"queue": "q", "expires": 9, "headers": {"h": 2}}},
        {"enabled": False},
        {"description": "new"},
        {"start_time": dt.datetime(2030, 1, 1, tzinfo=dt.UTC)},
    ],
    ids=str,
)
def test_each_change_changes_it(change):
    assert digest({"one": {**ONE, **change}}) != digest({"one": ONE})


def test_it_is_the_same_in_every_version():
    # Where this fails, each beat of a fleet that is being updated takes itself for a new release.
    assert digest({"one": ONE}) == "1bb51c459dba069846dba4eb9f50dc86ae6500338d41813340b81d6966260e8d"


def test_names_belong_to_it_and_so_do_entries_that_are_wrong():
    known = [digest({}), digest({"one": ONE}), digest({"two": ONE}), digest({"one": ONE, "two": None})]
    assert len(set(known)) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (60, dt.timedelta(minutes=1)),
        (schedules.schedule(60), schedules.schedule(60, relative=True)),
        (schedules.crontab(hour=[3, 1]), schedules.crontab(hour={1, 3})),
        (schedules.crontab(minute="5"), schedules.crontab(minute=5)),
        (schedules.solar("sunset", 1, 2), schedules.solar("sunset", 1.0, 2.0000000001)),
    ],
    ids=range(5),
)
def test_another_way_to_say_the_same_schedule_does_not(one, other):
    assert digest({"x": {**ONE, "schedule": one}}) == digest({"x": {**ONE, "schedule": other}})


def test_every_process_computes_the_same():
    code = """
import django
django.setup()
from celery import Celery, schedules
from djtaskq_beat.declaring.entries import digest_of, wanted
entry = {"task": "a", "schedule": schedules.crontab(hour={1, 3, 12}), "kwargs": {"b": 1, "a": {"d", }.pop()}}
print(digest_of({"x": wanted("x", entry, Celery("x"))}))
"""
    root = Path(__file__).parents[3]
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={
                "PYTHONHASHSEED": seed,
                "DJANGO_SETTINGS_MODULE": "djtaskq.project.settings",
                "DJTASKQ_DEMO": "1",
            },
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 64
