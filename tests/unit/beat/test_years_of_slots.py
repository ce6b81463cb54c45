"""Slots over five years, against a scan of every minute and against Celery's crontab by the thousand.

DJTASKQ_TEST_LONG=1 scans every minute of the five years, the changes of every zone that there is, and tries
a million crontabs.
"""

import datetime as dt
import functools
import itertools
import os
import random
import time
import zoneinfo

import pytest
from celery import Celery, schedules

from djtaskq_beat.errors import NeverOccurs
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.interval import Interval
from djtaskq_beat.occurrences.zones import first_change
from djtaskq_beat.policies import CatchUp, Policy, decide

LONG = "DJTASKQ_TEST_LONG" in os.environ
SPECS = 1_000_000 if LONG else 6_000
TICK = dt.timedelta(microseconds=1)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
YEARS = 5

# The first of five years in which something happens to the clocks of each zone, or nothing at all.
ZONES = {
    "Africa/Cairo": 2022,
    "Africa/Casablanca": 2022,
    "America/New_York": 2022,
    "America/Nuuk": 2021,
    "Antarctica/Casey": 2019,
    "Antarctica/Troll": 2022,
    "Asia/Beirut": 2022,
    "Asia/Gaza": 2022,
    "Asia/Kolkata": 2022,
    "Asia/Tehran": 2019,
    "Australia/Lord_Howe": 2022,
    "Europe/Dublin": 2022,
    "Pacific/Apia": 2009,
    "Pacific/Chatham": 2022,
}
AROUND_CHANGES = ZONES | (dict.fromkeys(zoneinfo.available_timezones() - ZONES.keys(), 2022) if LONG else {})
NUMBERS = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
    "day_of_week": (0, 6),
}
WORDS = {
    "month_of_year": (
        "jan",
        "february",
        "mar",
        "april",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ),
    "day_of_week": ("sun", "mon", "tuesday", "wed", "thu", "friday", "sat"),
}
SIMPLE = [
    {},
    {"minute": "*/30"},
    {"minute": "0", "hour": "0"},
    {"minute": "30", "hour": "2"},
    {"minute": "*/20", "hour": "1-3"},
    {"minute": "15", "hour": "*/2", "day_of_week": "sun,sat"},
]


def part(field):
    """One part of a field in Celery's notation: a number, a range (wrapping or not), a step, a word."""
    low, high = NUMBERS[field]
    first, last = random.randint(low, high), random.randint(low, high)
    kinds = [
        "*",
        str(first),
        f"{first}-{last}",
        f"{first}-{last}/{random.randint(1, 6)}",
        f"*/{random.randint(1, high)}",
    ]
    if field in WORDS:
        start, end = random.choices(WORDS[field], k=2)
        kinds += [start, f"{start}-{end}"]
    return random.choice(kinds)


def spec():
    """Half of the fields are `*`, as in life; a field has up to three parts."""
    return {
        field: ",".join(part(field) for _ in range(random.randint(1, 3)))
        for field in NUMBERS
        if random.random() < 0.5
    }


def possible(count):
    """As many crontabs that occur at all."""
    found = []
    while len(found) < count:
        try:
            Crontab.parse(**(drawn := spec()))
        except NeverOccurs:
            continue
        found.append(drawn)
    return found


@functools.cache
def windows(name):
    """Spans of time to be scanned: around each change of the clocks, and two drawn from all the others."""
    start = dt.datetime(AROUND_CHANGES[name], 1, 1, tzinfo=dt.UTC)
    if LONG and name in ZONES:
        return [(start, start + YEARS * 365 * DAY)]
    hours = [start + number * HOUR for number in range(YEARS * 366 * 24)]
    zone = zoneinfo.ZoneInfo(name)
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    changes = [
        hour for hour, (old, new) in zip(hours[1:], itertools.pairwise(offsets), strict=True) if old != new
    ]
    around = [(change - 5 * HOUR, change + 5 * HOUR) for change in changes]
    return around + [(drawn, drawn + 9 * HOUR) for drawn in random.sample(hours, 2)]


def scan(crontabs, zone, start, end):
    """The slots of each crontab in [start, end) by the rule's own words, minute by minute."""
    found = [[] for _ in crontabs]
    before = None
    for number in range((end - start) // MINUTE):
        instant = start + number * MINUTE
        local = instant.astimezone(zone)
        wall = local.replace(tzinfo=None, fold=0)
        skipped = []
        while before is not None and (before := before + MINUTE) < wall:
            skipped.append(before)
        before = wall
        for crontab, slots in zip(crontabs, found, strict=True):
            fields = crontab.fields
            if len(fields.hours) == 24:
                hit = matches(fields, wall)
            else:
                hit = (not local.fold and matches(fields, wall)) or any(
                    matches(fields, time) for time in skipped
                )
            if hit:
                slots.append(instant)
    return found


def matches(fields, wall):
    return (
        wall.minute in fields.minutes
        and wall.hour in fields.hours
        and wall.day in fields.days_of_month
        and wall.month in fields.months
        and wall.isoweekday() % 7 in fields.days_of_week
    )


def forward(schedule, start, end):
    found, instant = [], start - TICK
    while (instant := schedule.next_after(instant)) is not None and instant < end:
        found.append(instant)
    return found


def backward(schedule, start, end):
    found, instant = [], end
    while (instant := schedule.latest_until(instant - TICK)) is not None and instant >= start:
        found.append(instant)
    return found[::-1]


@pytest.mark.timeout(1800 if LONG else 120)
@pytest.mark.parametrize("name", sorted(AROUND_CHANGES))
def test_around_every_change_of_five_years_the_slots_are_those_of_a_scan(name):
    crontabs = [Crontab.parse(**fields, zone=name) for fields in SIMPLE + possible(4)]
    for start, end in windows(name):
        expected = scan(crontabs, crontabs[0].zone, start, end)
        for crontab, slots in zip(crontabs, expected, strict=True):
            assert forward(crontab, start, end) == slots, (crontab, start)
            assert backward(crontab, start, end) == slots, (crontab, start)


@pytest.mark.timeout(3600 if LONG else 120)
@pytest.mark.parametrize("name", ["UTC", "America/New_York"])
def test_where_no_clock_changes_crontabs_by_the_thousand_are_celerys(name):
    app = Celery("clock", set_as_current=False)
    app.conf.update(timezone=name)
    zone = zoneinfo.ZoneInfo(name)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    compared = 0
    for fields in possible(SPECS // 2):
        instant = start + random.randrange(7 * 366 * 86_400) * dt.timedelta(seconds=1)
        found = Crontab.parse(**fields, zone=name).next_after(instant)
        if first_change(zone, instant - DAY, found + DAY) is not None:
            continue
        local = instant.astimezone(zone)
        theirs = schedules.crontab(**fields, app=app, nowfun=lambda now=local: now)
        assert found == instant + theirs.remaining_estimate(local), (fields, instant)
        compared += 1
    assert compared > SPECS // 8


NIGHT = dt.datetime(2026, 10, 29, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("schedule", "period", "count"),
    [
        (Interval(dt.timedelta(seconds=1), NIGHT), dt.timedelta(seconds=1), 100_000),
        (Crontab.parse(zone="America/New_York"), MINUTE, 10_000),
    ],
    ids=["each second", "each minute, over a night on which clocks are set back"],
)
def test_the_slots_are_the_same_however_late_each_of_them_runs(schedule, period, count):
    policy = Policy(catch_up=CatchUp.ALL, limit=50)
    ran, slot = [], NIGHT
    while len(ran) < count:
        stall = random.random() * (20 if random.random() < 0.01 else 0.9)
        decision = decide(schedule, slot, slot + stall * period, policy)
        assert not decision.missed
        ran += decision.run
        slot = decision.next_slot
    assert ran == [NIGHT + number * period for number in range(len(ran))]


@pytest.mark.parametrize("policy", [Policy(), Policy(catch_up=CatchUp.ALL), Policy(catch_up=CatchUp.SKIP)])
@pytest.mark.parametrize(
    "schedule",
    [
        Interval(dt.timedelta(seconds=1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        Crontab.parse(zone="Europe/Dublin"),
        Crontab.parse("*/5", "9-17", day_of_week="mon-fri", zone="Australia/Lord_Howe"),
    ],
    ids=["each second", "each minute", "office hours"],
)
def test_a_gap_of_a_year_is_decided_within_ten_milliseconds(schedule, policy):
    due = schedule.next_after(dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    took = []
    for _ in range(5):
        started = time.perf_counter()
        decision = decide(schedule, due, due + 365 * DAY, policy)
        took.append(time.perf_counter() - started)
    assert decision.next_slot > due + 365 * DAY
    assert min(took) < 0.01
