"""The strip of last runs: what each bar shows, and says."""

import datetime as dt

import pytest

from djtaskq.outcomes import Outcome
from djtaskq_beat.admin.strip import strip
from djtaskq_beat.admin.timetable import STEPS, Shades
from djtaskq_beat.models import TaskRun
from djtaskq_beat.queries import PastRun

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def past(number, *, outcome="", runtime=None, state="published", known=None, **columns):
    slot = NOON - number * dt.timedelta(minutes=1)
    record = TaskRun(pk=number + 1, slot=slot, state=state, outcome=outcome, runtime=runtime, **columns)
    return PastRun(record, known)


def test_the_latest_run_stands_on_the_right():
    drawn = strip([past(0, outcome="FAILURE"), past(1, outcome="SUCCESS"), past(2)])
    assert [bar.kind for bar in drawn.bars] == ["good", "good", "bad"]


@pytest.mark.parametrize(("runtime", "size"), [(10.0, 1), (5.0, 0.5), (0.0, 0), (None, None)])
def test_a_bar_is_as_high_as_its_run_was_long(runtime, size):
    drawn = strip([past(0, runtime=10.0), past(1, runtime=runtime)])
    assert (drawn.bars[0].size, drawn.bars[1].size, drawn.longest) == (size, 1, 10.0)


def test_a_bar_says_in_words_what_it_shows():
    run = past(0, outcome="FAILURE", runtime=2.0, published_at=NOON + dt.timedelta(seconds=3))
    label = strip([run]).bars[0].label.replace("\N{NO-BREAK SPACE}", " ")
    assert label == "2026-03-01 12:00:00 UTC: FAILURE, took 2.00 s, late by 3.00 s"


def test_each_kind_of_outcome_has_a_sign_of_its_own():
    runs = [past(0, outcome="SUCCESS"), past(1, outcome="FAILURE"), past(2, state="skipped", reason="paused")]
    drawn = strip(runs)
    assert len({bar.sign for bar in drawn.bars}) == 3
    assert drawn.bars[0].label.endswith("skipped, paused")


def test_what_is_on_record_comes_before_what_others_know():
    known = Outcome(state="STARTED", runtime=1.0)
    assert past(0, outcome="SUCCESS", runtime=3.0, known=known).state == "SUCCESS"
    assert past(0, outcome="SUCCESS", runtime=3.0, known=known).runtime == 3.0
    assert past(0, known=known).state == "STARTED"
    assert past(0).state == "published"


def test_no_runs_are_no_bars():
    assert strip([]).bars == ()


@pytest.mark.parametrize(("least", "most"), [(0, 1), (0, 5), (30, 31), (7, 7), (0, 10_000), (3, 40)])
def test_every_count_has_the_shade_that_the_legend_says(least, most):
    shades = Shades(least, most)
    said = {step: text.replace(",", "").split("–") for step, text in shades.legend()}
    for count in {max(least, 1), (least + most) // 2 or 1, most}:
        low, high = said[shades.step(count)][0], said[shades.step(count)][-1]
        assert int(low) <= count <= int(high)
    assert most == least or shades.step(most) == STEPS


def test_one_crowded_minute_stands_out_of_what_every_minute_has():
    shades = Shades.of({0: 1, 1: 30, 2: 30, 3: 31}, range(1, 4))
    assert (shades.least, shades.most) == (30, 31)
    assert shades.step(30) == 1 < shades.step(31)


def test_an_empty_minute_is_the_least():
    assert Shades.of({1: 30}, range(3)) == Shades(0, 30)
