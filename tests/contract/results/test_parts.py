"""What a part leaves whose process dies in the middle, between its count and its result."""

import pytest

from djtaskq_results import chords, store
from tests.contract.results.test_defects import Chord


@pytest.fixture
def chord(app, backend):
    chord = Chord(app)
    chord.begin()
    return chord


@pytest.fixture
def dying(chord, monkeypatch):
    """Return a function that brings a part back in a process that dies when it calls this."""

    def kill(*_args, **_options):
        raise SystemExit  # what no handler of an error takes for one

    def bring_back(task_id, module, name):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, kill)
            with pytest.raises(SystemExit):
                chord.bring_back(task_id)

    return bring_back


def test_no_success_is_on_record_of_a_part_that_was_not_counted(backend, chord, dying):
    """Celery does not bring back a task whose success is on record."""
    dying("a", chords, "part_returned")
    assert not backend.task_result_exists("a")
    chord.bring_back("a")
    chord.bring_back("b")
    assert chord.sent == [[0, 1]]


def test_a_part_that_was_counted_and_not_stored_still_has_its_value(backend, chord, dying):
    dying("a", store, "save")
    chord.bring_back("b")
    assert chord.sent == [[0, 1]]


def test_the_last_part_ends_its_chord_when_it_comes_back(backend, chord, dying):
    chord.bring_back("a")
    dying("b", store, "save")
    assert not chord.sent
    chord.bring_back("b")
    assert chord.sent == [[0, 1]]
