"""Crontab slots against a scan of every minute, and against Celery where the clocks stand still."""

import datetime as dt
import functools
import zoneinfo

import pytest
from celery import Celery, schedules
from hypothesis import example, given, settings
from hypothesis import strategies as st

from djtaskq_beat.errors import InvalidCrontab, NeverOccurs, UnknownZone
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.fields import Fields

MINUTE = dt.timedelta(minutes=1)
TICK = dt.timedelta(microseconds=1)
EVERY_HOUR = tuple(range(24))

# A change of the clocks of each kind: an hour, half an hour, at midnight, a day left out, a plain move.
CHANGES = [
    ("America/New_York", "2026-03-08 07:00"),
    ("America/New_York", "2026-11-01 06:00"),
    ("Australia/Lord_Howe", "2026-04-04 15:00"),
    ("Australia/Lord_Howe", "2026-10-03 15:30"),
    ("Africa/Cairo", "2026-04-23 22:00"),
    ("Africa/Cairo", "2026-10-29 21:00"),
    ("Asia/Beirut", "2026-03-28 22:00"),
    ("Asia/Beirut", "2026-10-24 21:00"),
    ("Pacific/Apia", "2011-12-30 10:00"),
    ("Antarctica/Casey", "2023-03-08 16:00"),
    ("Antarctica/Troll", "2026-03-29 01:00"),
    ("Europe/Dublin", "2026-10-25 01:00"),
    ("Africa/Casablanca", "2026-02-15 02:00"),
]


def utc(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@functools.cache
def scanned(zone, around):
    """Each minute of three days around a change: the instant, its wall time, whether shown before."""
    start = around - dt.timedelta(days=1, hours=12)
    found, last = [], None
    for number in range(3 * 24 * 60):
        instant = start + number * MINUTE
        local = instant.astimezone(zone)
        found.append((instant, local.replace(tzinfo=None, fold=0), bool(local.fold), last))
        last = found[-1][1]
    return found


def brute(crontab, around):
    """The slots around a change by the rule's own words, minute by minute."""
    fields = crontab.fields
    slots = []
    for instant, wall, again, before in scanned(crontab.zone, around):
        skipped = walls_between(before, wall) if before else ()
        if fields.hours == EVERY_HOUR:
            if matches(fields, wall):
                slots.append(instant)
        elif (matches(fields, wall) and not again) or any(matches(fields, time) for time in skipped):
            slots.append(instant)
    return slots


def walls_between(before, wall):
    time = before + MINUTE
    while time < wall:
        yield time
        time += MINUTE


def matches(fields, wall):
    return (
        wall.minute in fields.minutes
        and wall.hour in fields.hours
        and wall.day in fields.days_of_month
        and wall.month in fields.months
        and wall.isoweekday() % 7 in fields.days_of_week
    )


def subset(values, **sizes):
    return st.sets(st.sampled_from(values), min_size=1, **sizes).map(lambda found: tuple(sorted(found)))


ALL_FIELDS = {
    "minutes": tuple(range(60)),
    "hours": EVERY_HOUR,
    "days_of_month": tuple(range(1, 32)),
    "months": tuple(range(1, 13)),
    "days_of_week": tuple(range(7)),
}


@st.composite
def fields(draw):
    return Fields(
        minutes=draw(st.just(ALL_FIELDS["minutes"]) | subset(range(60), max_size=4)),
        hours=draw(st.just(EVERY_HOUR) | subset(range(24)) | subset(range(4))),
        days_of_month=draw(st.just(ALL_FIELDS["days_of_month"]) | subset(range(1, 32), max_size=20)),
        months=draw(st.just(ALL_FIELDS["months"])),
        days_of_week=draw(st.just(ALL_FIELDS["days_of_week"]) | subset(range(7))),
    )


@given(fields=fields(), change=st.sampled_from(CHANGES))
@settings(max_examples=150, deadline=None)
@example(Fields((0, 30), (1, 2), *list(ALL_FIELDS.values())[2:]), CHANGES[1])
@example(Fields((30,), (2,), *list(ALL_FIELDS.values())[2:]), CHANGES[0])
@example(Fields((0,), EVERY_HOUR, (31,), ALL_FIELDS["months"], ALL_FIELDS["days_of_week"]), CHANGES[8])
def test_the_slots_around_a_change_of_the_clocks_are_those_of_a_minute_scan(fields, change):
    name, around = change[0], utc(change[1])
    crontab = Crontab(fields, zoneinfo.ZoneInfo(name))
    expected = brute(crontab, around)
    first, last = (scanned(crontab.zone, around)[index][0] for index in (1, -1))
    expected = [slot for slot in expected if first <= slot <= last]

    forward, instant = [], first - TICK
    while (instant := crontab.next_after(instant)) and instant <= last:
        forward.append(instant)
    backward, instant = [], last
    while (instant := crontab.latest_until(instant)) and instant >= first:
        backward.append(instant)
        instant -= TICK
    assert forward == expected
    assert backward[::-1] == expected


def instants(first, last):
    start, end = (dt.datetime(year, 1, 1) for year in (first, last))  # noqa: DTZ001  hypothesis wants it naive
    return st.datetimes(start, end, timezones=st.just(dt.UTC))


CELERY = Celery("clock", set_as_current=False)
NUMBERS = {
    "minute": st.sampled_from(["*", "*/7", "5", "1,13,30-45", "50-59/2", "55-5", "0-59"]),
    "hour": st.sampled_from(["*", "*/3", "9", "0,8-17/2", "22-3", "0-23"]),
    "day_of_month": st.sampled_from(["*", "*/5", "1", "1-7,15-21", "31", "29,30", "28-2"]),
    "month_of_year": st.sampled_from(["*", "*/3", "2", "jan,jul", "2-12/2", "nov-feb"]),
    "day_of_week": st.sampled_from(["*", "mon-fri", "0", "sunday", "*/2", "sat-mon", "1"]),
}


@given(
    spec=st.fixed_dictionaries(NUMBERS),
    instant=instants(2024, 2031),
)
@settings(max_examples=400, deadline=None)
def test_where_no_clock_changes_the_slots_are_celerys(spec, instant):
    try:
        ours = Crontab.parse(**spec)
    except NeverOccurs:
        with pytest.raises(ValueError, match="never occurs"):
            schedules.crontab(**spec, app=CELERY)
        return
    theirs = schedules.crontab(**spec, app=CELERY, nowfun=lambda: instant)
    assert ours.next_after(instant) == instant + theirs.remaining_estimate(instant)


@given(fields=fields(), instant=instants(1975, 2100))
@settings(max_examples=150, deadline=None)
def test_next_and_latest_agree_at_any_time(fields, instant):
    crontab = Crontab(fields, zoneinfo.ZoneInfo("America/New_York"))
    following = crontab.next_after(instant)
    assert following > instant
    assert crontab.latest_until(following) == following
    before = crontab.latest_until(following - TICK)
    assert before <= instant
    assert crontab.next_after(before) == following


def slots(crontab, start, end):
    instant, found = utc(start), []
    while (instant := crontab.next_after(instant)) < utc(end):
        found.append(instant.strftime("%H:%M"))
    return found


def test_a_wildcard_hour_follows_real_time_through_a_fold():
    half_hourly = Crontab.parse("*/30", "*", zone="America/New_York")
    assert slots(half_hourly, "2026-11-01 04:59", "2026-11-01 07:01") == [
        "05:00",
        "05:30",
        "06:00",
        "06:30",
        "07:00",
    ]


@pytest.mark.parametrize("hour", ["*", "*/1", "0-23"])
def test_a_wildcard_hour_is_one_however_it_is_written(hour):
    assert slots(
        Crontab.parse("0", hour, zone="America/New_York"), "2026-11-01 04:59", "2026-11-01 07:59"
    ) == [
        "05:00",
        "06:00",
        "07:00",
    ]


@pytest.mark.parametrize(
    ("minute", "hour", "zone", "day", "expected"),
    [
        ("30", "1", "America/New_York", "2026-11-01", ["05:30"]),
        ("30", "2", "America/New_York", "2026-03-08", ["07:00"]),
        ("*/10", "2", "America/New_York", "2026-03-08", ["07:00"]),
        ("15", "2", "Australia/Lord_Howe", "2026-10-03", ["15:30"]),
        ("0", "0", "Africa/Cairo", "2026-04-23", ["22:00"]),
    ],
)
def test_a_fixed_time_runs_once_when_the_clocks_change(minute, hour, zone, day, expected):
    crontab = Crontab.parse(minute, hour, zone=zone)
    assert slots(crontab, f"{day} 00:00", f"{day} 23:59") == expected


def test_a_day_that_its_zone_left_out_runs_once_after_it():
    daily = Crontab.parse("0", "9", day_of_month="30", zone="Pacific/Apia")
    assert daily.next_after(utc("2011-12-01 00:00")) == utc("2011-12-30 10:00")


def test_both_restricted_days_must_match():
    friday_13th = Crontab.parse("0", "0", day_of_month="13", day_of_week="fri")
    assert friday_13th.next_after(utc("2026-01-01 00:00")) == utc("2026-02-13 00:00")


def test_a_day_that_comes_every_forty_years_is_found():
    leap_monday = Crontab.parse("0", "0", day_of_month="29", month_of_year="2", day_of_week="mon")
    assert leap_monday.next_after(utc("2088-03-01 00:00")) == utc("2112-02-29 00:00")


def test_the_31st_of_february_is_refused_with_the_reason():
    with pytest.raises(NeverOccurs, match="No day of 31 exists in the months 2,4"):
        Crontab.parse("0", "0", day_of_month="31", month_of_year="2,4")


@pytest.mark.parametrize("minute", ["", "60", "x", "[1, 2]", "*/0", "-1", "1-", " ", "*/", "9" * 5000])
def test_a_field_that_celery_cannot_read_is_named(minute):
    with pytest.raises(InvalidCrontab, match="crontab's minute"):
        Crontab.parse(minute)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_a_zone_that_vanished_is_named(zone):
    with pytest.raises(UnknownZone):
        Crontab.parse(zone=zone)


def test_the_end_of_the_calendar_is_no_slot():
    yearly = Crontab.parse("0", "0", day_of_month="1", month_of_year="1", zone="America/New_York")
    assert yearly.next_after(utc("9999-06-01 00:00")) is None
    assert yearly.latest_until(utc("0001-01-01 00:00")) is None
