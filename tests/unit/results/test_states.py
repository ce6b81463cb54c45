"""The rule of states, told by its consequences; djtaskq_results/states.py says why."""

from celery.states import ALL_STATES, PENDING, READY_STATES, STARTED, SUCCESS
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_results.states import gate, gives_way

ENDED = sorted(READY_STATES - {SUCCESS})
UNREADY = [*sorted(ALL_STATES - READY_STATES), "PROGRESS", "a state of one's own"]
ANY = st.sampled_from([*ENDED, SUCCESS, *UNREADY])
unready = st.sampled_from(UNREADY)
ended = st.sampled_from(ENDED)
yes_or_no = st.booleans()


class Row:
    """A row as the database keeps it: what it starts with, and every write that passes."""

    def __init__(self):
        self.state = PENDING
        self.started = False

    def write(self, state, *, redelivered=False):
        if gives_way(self.state, gate(state, redelivered=redelivered), started=self.started):
            self.state = state
            self.started = self.started or state == STARTED
        return self.state


@given(ANY, yes_or_no, yes_or_no)
def test_success_is_final(state, redelivered, started):
    assert not gives_way(SUCCESS, gate(state, redelivered=redelivered), started=started)


@given(st.lists(st.tuples(ANY, yes_or_no)))
def test_whatever_comes_after_a_success_it_stays(writes):
    row = Row()
    row.write(SUCCESS)
    assert {row.write(state, redelivered=again) for state, again in writes} <= {SUCCESS}


@given(st.sampled_from([*ENDED, *UNREADY]), st.sampled_from(sorted(READY_STATES)), yes_or_no, yes_or_no)
def test_every_end_replaces_all_but_success(stored, state, redelivered, started):
    assert gives_way(stored, gate(state, redelivered=redelivered), started=started)


@given(ended, unready, yes_or_no)
def test_an_end_stays_unless_something_shows_a_new_attempt(stored, state, started):
    passes = gives_way(stored, gate(state), started=started)
    assert passes == (state == STARTED and started)


@given(ended, st.sampled_from([state for state in UNREADY if state not in {STARTED, PENDING}]))
def test_what_a_killed_attempt_left_behind_does_not_hide_its_end(stored, state):
    """It had started, then it was killed and its end stored; its last word comes late."""
    for redelivered in (False, True):
        row = Row()
        row.write(STARTED, redelivered=redelivered)
        row.write(stored, redelivered=redelivered)
        assert row.write(state, redelivered=redelivered) == stored


@given(ended, yes_or_no)
def test_a_redelivered_message_starts_anew(stored, started):
    assert gives_way(stored, gate(STARTED, redelivered=True), started=started)


@given(ended)
def test_a_second_start_is_a_new_attempt_even_if_the_broker_marks_nothing(stored):
    row = Row()
    row.write(STARTED)
    row.write(stored)
    assert row.write(STARTED) == STARTED


@given(ended)
def test_the_late_start_of_a_task_that_was_revoked_as_it_began_does_not_show(stored):
    row = Row()
    row.write(stored)
    assert row.write(STARTED) == stored


@given(ended, st.sampled_from(["PROGRESS", "RETRY"]))
def test_a_redelivered_task_that_does_not_track_its_start_is_seen_to_run(stored, state):
    row = Row()
    row.write(stored)
    assert row.write(state, redelivered=True) == state


@given(unready, st.sampled_from([state for state in UNREADY if state != PENDING]), yes_or_no)
def test_states_that_are_not_ready_follow_one_another(stored, state, started):
    assert gives_way(stored, gate(state), started=started)


@given(ANY, yes_or_no, yes_or_no)
def test_pending_says_that_nothing_is_known_and_replaces_nothing(stored, redelivered, started):
    assert gives_way(stored, gate(PENDING, redelivered=redelivered), started=started) == (stored == PENDING)


@given(st.permutations([STARTED, "RETRY", STARTED, SUCCESS]))
def test_in_whatever_order_the_writes_of_a_task_arrive_it_ends_in_success(writes):
    row = Row()
    for state in writes:
        row.write(state)
    assert row.state == SUCCESS
