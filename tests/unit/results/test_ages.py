import datetime as dt

import pytest

from djtaskq_results.ages import age, spelled

DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, None),
        (86_400, DAY),
        (0.5, dt.timedelta(seconds=0.5)),
        (DAY, DAY),
        ("1 day", DAY),
        ("30 days", 30 * DAY),
        (" 2 Weeks ", 14 * DAY),
        ("1.5 hours", dt.timedelta(minutes=90)),
        ("90seconds", dt.timedelta(seconds=90)),
    ],
)
def test_an_age_is_written_in_one_of_these_forms(written, meant):
    assert age(written) == meant


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (0, "more than zero"),
        (-1, "more than zero"),
        (-DAY, "more than zero"),
        ("0 days", "more than zero"),
        ("1 month", "write seconds"),
        ("day", "write seconds"),
        ("-1 day", "write seconds"),
        ("", "write seconds"),
        (True, "write seconds"),
        ([1], "write seconds"),
        (float("nan"), "write seconds"),
        (float("inf"), "write seconds"),
        (1e300, "too long"),
        ("9" * 400 + " weeks", "too long"),
        ("40000 days", "too long"),
    ],
)
def test_what_is_no_age_is_refused_and_told_why(written, reason):
    with pytest.raises(ValueError, match=reason):
        age(written)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (86_400, "1 day"),
        (30 * 86_400, "30 days"),
        (90, "90 seconds"),
        (7_200, "2 hours"),
        (0.5, "0.5 seconds"),
    ],
)
def test_an_age_is_spelled_in_the_largest_unit_that_fits(seconds, text):
    assert spelled(dt.timedelta(seconds=seconds)) == text
    assert spelled(None) == "for ever"
