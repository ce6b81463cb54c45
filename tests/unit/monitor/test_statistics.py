"""What is counted: exact sums of what the rows count for, and percentiles right within five per cent."""

import copy
import math

from hypothesis import given
from hypothesis import strategies as st

from djtaskq_monitor.recording import events, merge
from djtaskq_monitor.statistics import histogram
from djtaskq_monitor.statistics.contributions import MICRO, add_difference, wait
from djtaskq_monitor.statistics.tally import STATES, Label, Tally
from tests.laws import law, takes_long
from tests.monitoring import NOW, event, message, retried, success, task_events, timed_out

pytestmark = takes_long

MINUTE = int(NOW // 60)


def counted(told, tally=None, rows=None):
    """The tally after each event was written by itself, as one camera or many do."""
    tally = Tally() if tally is None else tally
    rows = {} if rows is None else rows
    for each in told:
        change = events.read(each, NOW).task
        before = rows.get(change["task_id"])
        after = copy.deepcopy(before or {})
        merge.TASK.merge(after, change)
        after.setdefault("task_id", change["task_id"])
        add_difference(tally, before, after)
        rows[change["task_id"]] = after
    return tally


def figures(tally):
    return {(label, minute): cell for label, minute, cell in tally}


def plain(tally):
    return {
        key: (
            cell.states,
            cell.runtime,
            cell.wait,
            histogram.write(cell.runtimes),
            histogram.write(cell.waits),
        )
        for key, cell in figures(tally).items()
    }


def totals(told):
    sums = [sum(column) for column in zip(*(cell.states for _, _, cell in counted(told)), strict=True)]
    return {state: count for state, count in zip(STATES, sums, strict=True) if count}


def test_a_success_counts_once_for_each_of_its_states():
    assert totals(success("t")) == {"sent": 1, "received": 1, "started": 1, "succeeded": 1}


def test_a_retried_task_counts_each_attempt_and_one_end():
    expected = {"sent": 2, "received": 2, "started": 2, "retried": 1, "succeeded": 1}
    assert totals(retried("t")) == expected
    assert totals(retried("t")[::-1] * 2) == expected


def test_the_two_failures_of_a_time_limit_count_once():
    assert totals(timed_out("t")) == {"received": 1, "started": 1, "failed": 1}


def test_a_rejection_that_is_told_twice_counts_once():
    told = [
        event("task-failed", 1, uuid="t", traceback="…\ncelery.exceptions.Reject: (no, False)"),
        event("task-rejected", 1.1, uuid="t", requeue=False),
    ]
    assert totals(told) == {"rejected": 1}


def test_a_task_moves_to_its_name_and_queue_when_they_become_known():
    told = success("t")
    before = figures(counted(told[2:]))
    assert {label for label, _ in before} == {Label("", "", "celery@one")}
    after = figures(counted([*told[2:], *told[:2]]))
    assert {label for label, _ in after} == {
        Label("proj.tasks.add", "celery", "celery@one"),
        Label("proj.tasks.add", "celery", ""),
    }


def test_each_attempt_counts_in_its_own_minute():
    told = retried("t")
    for late in told[6:]:
        late["timestamp"] += 180
    cells = figures(counted(told))
    assert {minute: cell.states[2] for (label, minute), cell in cells.items() if label.worker} == {
        MINUTE: 1,
        MINUTE + 3: 1,
    }


@law
@given(st.lists(task_events(), max_size=12), st.randoms(), st.data())
def test_order_repetition_and_cameras_make_no_difference_to_what_is_counted(told, rng, data):
    again = data.draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    shuffled = rng.sample(told + again, len(told) + len(again))
    expected = Tally()
    rows = {}
    counted(told, rows=rows)
    for row in rows.values():
        add_difference(expected, None, row)
    assert plain(counted(shuffled)) == plain(expected)


@law
@given(st.lists(task_events(), max_size=8))
def test_a_tally_written_and_read_is_the_same(told):
    tally, read = counted(told), Tally()
    text = tally.write()
    if text:
        read.read(text)
    assert plain(read) == plain(tally)


@law
@given(
    st.lists(st.integers(0, 10**14), min_size=1, max_size=50), st.sampled_from([0, 25, 50, 90, 95, 99, 100])
)
def test_percentiles_are_right_within_five_per_cent(microseconds, percent):
    counts = {}
    for value in microseconds:
        histogram.add(counts, {histogram.bucket(value): 1})
    rank = max(1, math.ceil(len(microseconds) * percent / 100))
    exact = sorted(microseconds)[rank - 1] / MICRO
    (found,) = histogram.percentiles(counts, [percent])
    assert abs(found - exact) <= exact * 0.05


@law
@given(st.lists(st.integers(0, 10**14), max_size=30), st.lists(st.integers(0, 10**14), max_size=30))
def test_histograms_add_up(one, other):
    parts = [{}, {}]
    for part, values in zip(parts, (one, other), strict=True):
        for value in values:
            histogram.add(part, {histogram.bucket(value): 1})
    together = {}
    for value in one + other:
        histogram.add(together, {histogram.bucket(value): 1})
    histogram.add(parts[0], parts[1])
    assert parts[0] == together == histogram.read(histogram.write(together))


def test_no_bucket_is_wider_than_a_tenth():
    for end, begin in zip(histogram.ENDS[2:], histogram.ENDS[1:], strict=False):
        assert end / (begin + 1) < 1.1
    assert len(histogram.ENDS) < 400


def test_nothing_counted_has_no_percentiles():
    assert histogram.percentiles({}, [50, 95]) == [None, None]
    assert histogram.percentiles({3: 1, 4: 0, 5: -1}, [50]) == [histogram.middle(3) / MICRO]


def test_the_wait_is_from_the_eta_where_there_is_one():
    assert wait(10, None, 30, retries=0) == 20
    assert wait(10, 25, 30, retries=0) == 5
    assert wait(10, 35, 30, retries=0) == 0
    assert wait(None, None, 30, retries=0) is wait(10, None, None, retries=0) is None


def test_a_client_whose_clock_is_ahead_makes_no_negative_wait():
    assert wait(40, None, 30, retries=0) == 0
    assert wait(40, None, 30, retries=1) is None  # sent again, and not yet started


def test_the_wait_of_a_task_is_counted():
    cells = figures(counted(success("t")))
    cell = cells[Label("proj.tasks.add", "celery", "celery@one"), MINUTE]
    assert cell.wait == 200_000
    assert cell.runtime == 700_000
    late = figures(counted([*success("t"), event("task-received", 0.1, **message("t"))]))
    assert late[Label("proj.tasks.add", "celery", "celery@one"), MINUTE].wait == 200_000
