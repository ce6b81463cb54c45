"""How far a task says it is: what is understood, and that nothing is an error."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq.admin.parts.progress import progress_bar, said
from djtaskq.task_progress import MOST, TEXT_LENGTH, Progress, progress_of

NAMES = ("current", "done", "total", "percent", "description", "message", "status", "text", "pending")

numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), MOST, MOST + 1, 5e-324, True])
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text() | st.binary(),
    lambda each: st.lists(each) | st.dictionaries(st.sampled_from(NAMES) | st.text(), each),
    max_leaves=8,
)
metas = anything | st.dictionaries(st.sampled_from(NAMES), numbers | anything)


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"current": 37, "total": 120}, Progress(done=37, total=120)),
        ({"current": 37, "total": 120, "status": "copying"}, Progress(done=37, total=120, text="copying")),
        ({"done": 2.5, "total": 10}, Progress(done=2.5, total=10)),
        ({"done": 3}, Progress(done=3)),
        ({"percent": 31}, Progress(done=31, total=100)),
        (
            {"pending": False, "current": 37, "total": 120, "percent": 30.83, "description": "copying"},
            Progress(done=37, total=120, text="copying"),
        ),
        ({"current": 0, "total": 0, "percent": 0}, Progress(done=0)),
        ({"current": -1, "total": -5}, Progress(done=0)),
        ({"current": 5, "total": "many"}, Progress(done=5)),
        ({"current": 5, "text": " two \n lines "}, Progress(done=5, text="two lines")),
        ({"current": 5, "text": ["a"], "message": "b"}, Progress(done=5, text="b")),
        ({"current": "x", "percent": 5}, Progress(done=5, total=100)),
        ({"current": "37", "total": 120}, None),
        ({"current": math.nan, "total": 1}, None),
        ({"current": math.inf}, None),
        ({"current": MOST + 1}, None),
        ({"current": True}, None),
        ({"current": {"current": 1}}, None),
        ({"total": 120}, None),
        ({"pid": 1, "hostname": "one@h"}, None),
        ([1, 2], None),
        ("37", None),
        (None, None),
    ],
)
def test_what_tasks_say(meta, expected):
    assert progress_of(meta) == expected


@given(metas)
def test_whatever_a_task_says_is_shown_or_left_out(meta):
    progress = progress_of(meta)
    html = progress_bar(progress)
    if progress is None:
        assert html == ""
        return
    assert 0 <= progress.done <= MOST
    assert progress.total is None or 0 < progress.total <= MOST
    assert (progress.percent is None) == (progress.total is None)
    assert progress.percent is None or 0 <= progress.percent <= 100
    assert (progress.percent == 100) == (progress.total is not None and progress.done >= progress.total)
    assert len(progress.text) <= TEXT_LENGTH
    assert "\n" not in progress.text
    html.encode()


def test_a_long_text_is_cut_and_a_surrogate_replaced():
    assert progress_of({"done": 1, "text": "x" * 10_000}).text == "x" * (TEXT_LENGTH - 1) + "…"
    assert progress_of({"done": 1, "text": "a\ud800b"}).text == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(done=37, total=120), "37 of 120, 30\N{NO-BREAK SPACE}%"),
        (Progress(done=119_999, total=120_000), "119,999 of 120,000, 99\N{NO-BREAK SPACE}%"),
        (Progress(done=130, total=120), "130 of 120, 100\N{NO-BREAK SPACE}%"),
        (Progress(done=29, total=100), "29\N{NO-BREAK SPACE}%"),
        (Progress(done=1_500), "1,500 done"),
    ],
)
def test_figures_as_people_read_them(progress, words):
    assert said(progress) == words


def test_a_bar_has_its_figures_in_words_and_its_text_beside_it():
    html = progress_bar(Progress(done=30, total=120, text="copying"))
    assert 'aria-label="Progress: 30 of 120, 25\N{NO-BREAK SPACE}%"' in html
    assert 'width="25.0"' in html
    assert ">copying</span>" in html
    assert "<svg" not in progress_bar(Progress(done=30))
