"""What people are told of slots where clocks change."""

import datetime as dt
import zoneinfo

import pytest

from djtaskq_beat.admin.upcoming import clock_notes
from djtaskq_beat.occurrences.clockchanges import Showing, change_between, moved_from, showing
from djtaskq_beat.occurrences.crontab import Crontab

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
BACK = dt.datetime(2026, 10, 25, 1, tzinfo=dt.UTC)
FORWARD = dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def notes(crontab, after, count=1, here=dt.UTC):
    """The notes of the first slots after an instant."""
    found = []
    for _ in range(count):
        slot = crontab.next_after(after)
        found.append(clock_notes(slot, after, here, crontab))
        after = slot
    return found


def daily(time, hour="*"):
    return Crontab.parse(str(time), str(hour), zone="Europe/Paris")


def test_a_change_is_found_with_its_direction():
    assert change_between(PARIS, BACK - HOUR, BACK + HOUR) == (change_between(PARIS, BACK - HOUR, BACK))
    assert change_between(PARIS, BACK - HOUR, BACK).by == -HOUR
    assert change_between(PARIS, FORWARD - HOUR, FORWARD).at == FORWARD
    assert change_between(PARIS, BACK, BACK + 24 * HOUR) is None


def test_two_changes_that_cancel_out_are_none():
    assert change_between(PARIS, FORWARD - HOUR, BACK + HOUR) is None


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (BACK - dt.timedelta(minutes=30), Showing.FIRST),
        (BACK + dt.timedelta(minutes=30), Showing.AGAIN),
        (BACK + HOUR, Showing.ONCE),
        (FORWARD, Showing.ONCE),
    ],
)
def test_a_time_that_the_wall_shows_twice_is_told_apart(instant, shown):
    assert showing(PARIS, instant) is shown


def test_a_slot_in_the_gap_names_the_time_that_does_not_exist():
    crontab = daily(30, 2)
    change = change_between(PARIS, FORWARD - HOUR, FORWARD)
    assert f"{moved_from(crontab, FORWARD, change):%H:%M}" == "02:30"
    (first, second) = notes(crontab, FORWARD - HOUR, count=2)
    assert first == [
        "Clocks in Europe/Paris go forward by 1\N{NO-BREAK SPACE}h on 29 Mar 2026.",
        "02:30 does not exist on that day: it runs at the first instant after.",
    ]
    assert second == []


def test_a_slot_that_is_at_the_change_by_its_own_fields_was_not_moved():
    crontab = daily(0, 3)
    change = change_between(PARIS, FORWARD - HOUR, FORWARD)
    assert crontab.next_after(FORWARD - HOUR) == FORWARD
    assert moved_from(crontab, FORWARD, change) is None


def test_a_wall_time_that_comes_twice_runs_once():
    (first, second) = notes(daily(30, 2), BACK - 2 * HOUR, count=2)
    assert first == ["02:30 comes twice on that day: it runs once, at the first."]
    assert second == ["Clocks in Europe/Paris go back by 1\N{NO-BREAK SPACE}h on 25 Oct 2026."]


def test_every_hour_runs_at_both():
    (first, second, third) = notes(daily(30), BACK - HOUR, count=3)
    assert first == ["02:30 comes twice on that day: this is the first."]
    assert second[1:] == ["02:30 comes twice on that day: this is the second."]
    assert third == []


def test_the_readers_own_clocks_are_told_of_too():
    crontab = Crontab.parse("0", "12", zone="UTC")
    assert notes(crontab, BACK - 36 * HOUR, here=PARIS) == [[]]
    ((told,),) = [clock_notes(BACK + 12 * HOUR, BACK - 12 * HOUR, PARIS, crontab)]
    assert told.startswith("Clocks in Europe/Paris go back")


def test_an_interval_is_told_of_the_readers_clocks_alone():
    (told,) = clock_notes(BACK + HOUR, BACK - HOUR, PARIS, None)
    assert "25 Oct 2026" in told
