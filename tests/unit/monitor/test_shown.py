"""What counters show: never less than before, whatever is counted and taken away."""

from hypothesis import given
from hypothesis import strategies as st

from djtaskq_monitor.statistics import histogram, shown
from djtaskq_monitor.statistics.contributions import exception_class
from djtaskq_monitor.statistics.tally import STATES, Cell
from tests.laws import law, takes_long

pytestmark = takes_long

COUNTS = st.dictionaries(st.integers(0, len(histogram.ENDS) - 1), st.integers(-3, 3), max_size=4)
CELLS = st.builds(
    Cell,
    st.lists(st.integers(-3, 3), min_size=len(STATES), max_size=len(STATES)),
    st.integers(-(10**9), 10**9),
    st.integers(-(10**9), 10**9),
    COUNTS,
    COUNTS,
)


def plain(told):
    return [*told.states, told.runtime, told.wait, *told.runtimes, *told.waits]


@law
@given(st.lists(CELLS, max_size=8))
def test_nothing_that_is_shown_ever_falls(cells):
    counted, told = Cell(), shown.Shown()
    for cell in cells:
        before = plain(told)
        counted.add(cell)
        told.rise(counted)
        told = shown.read(shown.write(told))
        counted = shown.read_cell(shown.write_cell(counted))
        assert all(now >= then for now, then in zip(plain(told), before, strict=True))


@law
@given(st.dictionaries(st.integers(0, len(histogram.ENDS) - 1), st.integers(1, 9), max_size=9))
def test_bounds_hold_what_lies_below_them_and_the_last_holds_all(counts):
    found = shown.upto(counts, shown.WAIT_BOUNDS)
    assert found == sorted(found)
    assert found[-1] == sum(counts.values())
    values = [(histogram.middle(number) / 1_000_000, count) for number, count in counts.items()]
    below = [sum(count for value, count in values if value <= bound) for bound in shown.WAIT_BOUNDS]
    assert found[:-1] == below


def test_an_exception_is_told_by_its_class():
    known = {
        "KeyError('x')": "KeyError",
        "proj.errors.Broken(1, 2)": "Broken",
        "no class": "UnknownException",
        "(1)": "UnknownException",
        "": "UnknownException",
        None: "UnknownException",
    }
    assert {text: exception_class(text) for text in known} == known
