"""The YAML file by itself: what is written is read again as the same, and what is wrong is said."""

import io
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djtaskq_beat.errors import WrongEntry, WrongFile
from djtaskq_beat.exchange.document import read, written
from djtaskq_beat.exchange.entries import JSON, json_value, same, shortened
from djtaskq_beat.exchange.reading import read_entry

# Whatever a column of text takes: no NUL, no half of a character.
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40)
NAMES = TEXT.map(str.strip).filter(bool)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.datetimes().map(lambda time: f"{time.isoformat()}+00:00")
FIELD = st.text(string.digits + "*/,-", min_size=1, max_size=8)
SCHEDULES = st.one_of(
    st.fixed_dictionaries(
        {
            "crontab": st.lists(FIELD, min_size=5, max_size=5).map(" ".join),
            "timezone": st.just("Europe/Berlin"),
        }
    ),
    st.fixed_dictionaries({"interval": st.integers(2, 10**6).map(lambda every: f"{every} minutes")}),
    st.fixed_dictionaries({"interval": st.just("1 day")}),
    st.fixed_dictionaries({"clocked": TIMES}),
    st.tuples(st.integers(-(90 * 10**6), 90 * 10**6), st.integers(-(180 * 10**6), 180 * 10**6)).map(
        lambda place: {
            "solar": {"event": "sunset", "latitude": place[0] / 10**6, "longitude": place[1] / 10**6}
        }
    ),
)
REST = st.fixed_dictionaries(
    {"task": NAMES},
    optional={
        "args": st.lists(VALUES, max_size=3),
        "kwargs": st.dictionaries(TEXT, VALUES, max_size=3),
        "headers": st.dictionaries(TEXT, VALUES, max_size=3),
        "queue": TEXT,
        "exchange": TEXT,
        "routing_key": TEXT,
        "priority": st.integers(0, 255),
        "expire_seconds": st.integers(0, 10**6),
        "start_time": TIMES,
        "one_off": st.booleans(),
        "enabled": st.booleans(),
        "description": TEXT | st.just("two\nlines\r\nand more \n\n"),
        "policy": st.fixed_dictionaries(
            {}, optional={"catch_up": st.sampled_from(["all", "skip"]), "jitter": st.integers(1, 600)}
        ),
    },
)
ENTRIES = st.tuples(SCHEDULES, REST).map(lambda parts: shortened({**parts[0], **parts[1]}))
FILES = st.dictionaries(NAMES, ENTRIES, max_size=4)


def document(entries):
    return "".join(written(sorted(entries.items())))


@settings(deadline=None, max_examples=60)
@given(FILES)
def test_what_is_written_is_read_as_the_same(entries):
    text = document(entries)
    found = {name: read_entry(name, value) for name, value in read(io.StringIO(text), "it")}
    assert list(found) == sorted(entries)
    assert all(same(found[name], entries[name]) for name in entries)
    assert document(found) == text


@settings(deadline=None)
@given(VALUES)
def test_any_json_is_a_value_or_text(value):
    text = json.dumps(value)
    for shape in JSON.values():
        found = json_value(text, shape)
        assert found == text or (isinstance(value, shape) and same(found, value)) or found == shape()


@pytest.mark.parametrize(
    "text", ["\n", "\n\n", "a\n", "a\n\n", "\na", " a\nb", "a \n", "a\n b\n\n", "---", "...", "a\n..."]
)
@pytest.mark.parametrize("place", [lambda text: {"description": text}, lambda text: {"args": [text]}])
def test_a_text_of_any_shape_ends_no_document(text, place):
    entries = {name: {"task": "t", "interval": "1 day", **place(text)} for name in ("first", "second")}
    found = dict(read(io.StringIO(document(entries)), "it"))
    assert found == entries


def test_a_file_reads_well():
    entries = {
        "nightly": {
            "task": "shop.tasks.report",
            "crontab": "30 2 * * *",
            "timezone": "Europe/Berlin",
            "args": ["daily", 7],
            "kwargs": {"to": ["ops@example.com"]},
            "description": "For the\nmorning.",
            "policy": {"overlap": "skip"},
        },
        "poll": {"task": "shop.tasks.poll", "interval": "10 seconds", "enabled": False},
    }
    assert document(entries) == (
        "version: 1\n"
        "schedules:\n"
        "  nightly:\n"
        "    task: shop.tasks.report\n"
        "    crontab: 30 2 * * *\n"
        "    timezone: Europe/Berlin\n"
        "    args:\n"
        "    - daily\n"
        "    - 7\n"
        "    kwargs:\n"
        "      to:\n"
        "      - ops@example.com\n"
        "    description: |-\n"
        "      For the\n"
        "      morning.\n"
        "    policy:\n"
        "      overlap: skip\n"
        "  poll:\n"
        "    task: shop.tasks.poll\n"
        "    interval: 10 seconds\n"
        "    enabled: false\n"
    )


def test_an_empty_file_of_schedules():
    assert document({}) == "version: 1\nschedules: {}\n"
    assert list(read(io.StringIO(document({})), "it")) == []
    assert list(read(io.StringIO("version: 1\nschedules:\n"), "it")) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty."),
        ("- 1", "it must begin with “version: 1” and “schedules:”."),
        ("schedules: {}", "“version: 1” must stand before “schedules:”."),
        ("version: 2\nschedules: {}", "“version: 1” must stand before “schedules:”."),
        ("version: 1", "it has no “schedules:”."),
        ("version: 1\nschedules: [1]", "“schedules:” must hold entries by name."),
        ("version: 1\nschedules: {a: 1, a: 2}", "“a” is there twice."),
        ("version: 1\nschedules: {1: 2}", "the name 1 is no text: write it in quotes."),
        ("version: 1\nschedules: {a: {task: b, task: c}}", "“task” is there twice"),
        ("version: 1\nschedules: {}\nmore: 1", "'more' is neither “version” nor “schedules”."),
        ("version: 1\nschedules: {}\n---\nversion: 1", "it holds more than one document."),
        (
            "version: 1\nschedules: {a: !!python/object/apply:os.getcwd []}",
            "could not determine a constructor",
        ),
        ("version: 1\nschedules: {a: [}", "line 2, column"),
    ],
)
def test_a_wrong_file_says_where_and_why(text, reason):
    with pytest.raises(WrongFile) as raised:
        list(read(io.StringIO(text), "jobs.yaml"))
    assert str(raised.value).startswith("jobs.yaml cannot be read as schedules: ")
    assert reason in str(raised.value)


def test_times_without_quotes_stay_text():
    text = "version: 1\nschedules: {a: {task: t, clocked: 2030-01-01T00:00:00Z, args: [2030-01-01]}}"
    [(name, value)] = read(io.StringIO(text), "it")
    assert read_entry(name, value) == {
        "task": "t",
        "clocked": "2030-01-01T00:00:00+00:00",
        "args": ["2030-01-01"],
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "the entry: it must hold fields, as in “task: proj.add”."),
        ({"interval": "5 minutes"}, "task: it is missing: name the Celery task to run."),
        ({"task": "t", "crontb": "* * * * *"}, "crontb: there is no such field; did you mean “crontab”?"),
        ({"task": 5}, "task: 5 is no text: write it in quotes."),
        ({"task": "x" * 201}, "task: Ensure this value has at most 200 characters (it has 201)."),
        (
            {"task": "t", "crontab": "* * *"},
            "crontab: “* * *” has 3 fields and needs five: minute hour day_of_month month_of_year",
        ),
        (
            {"task": "t", "interval": "5 weeks"},
            "interval: “5 weeks” is no interval: write it as “5 minutes”, in days, hours, minutes,",
        ),
        ({"task": "t", "timezone": "UTC"}, "timezone: it belongs to a crontab, and there is none."),
        ({"task": "t", "solar": {"event": "sunset"}}, "solar: it needs event, latitude, longitude."),
        ({"task": "t", "args": {"a": 1}}, "args: {'a': 1} is not a list."),
        ({"task": "t", "kwargs": {1: 2}}, "kwargs: the key 1 is no text: write it in quotes."),
        ({"task": "t", "args": [float("inf")]}, "args: inf cannot be sent as JSON."),
        ({"task": "t", "priority": True}, "priority: True is no whole number."),
        ({"task": "t", "priority": 256}, "priority: Ensure this value is less than or equal to 255."),
        ({"task": "t", "enabled": "no"}, "enabled: 'no' is neither true nor false."),
        ({"task": "t", "queue": "a\0b"}, "queue: it holds characters that no database stores."),
        ({"task": "t", "expires": "soon"}, "expires: “soon” is no time that can be used"),
        (
            {"task": "t", "policy": {"overlap": "never"}},
            "policy: overlap: Value 'never' is not a valid choice.",
        ),
        ({"task": "t", "policy": {"overlaps": 1}}, "policy: overlaps: there is no such field; did you mean"),
        ({"task": "t", "policy": {"jitter": "5"}}, "policy: jitter: '5' is no whole number."),
    ],
)
def test_a_wrong_entry_says_its_name_its_field_and_why(given, said):
    with pytest.raises(WrongEntry) as raised:
        read_entry("nightly", given)
    assert str(raised.value).startswith(f"“nightly”: {said}")
