"""A part's result and its count are one: whoever is killed on the way leaves both or neither."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_results.models import ChordCounter

from djtaskq_results import chords, store
from djtaskq_results.models import Chord as ChordRow
from djtaskq_results.models import ChordPart
from tests.contract.results.test_defects import Chord


@pytest.fixture
def chord(app, backend):
    chord = Chord(app)
    chord.begin()
    return chord


@pytest.fixture
def dying(chord, monkeypatch):
    """Return a function that brings a part back in a process that dies before it calls this, or after."""

    def bring_back(task_id, module, name, *, after=False):
        work = getattr(module, name)

        def killed(*arguments, **options):
            if after:
                work(*arguments, **options)
            raise SystemExit  # what no handler of an error takes for one

        with monkeypatch.context() as patched:
            patched.setattr(module, name, killed)
            with pytest.raises(SystemExit):
                chord.bring_back(task_id)

    return bring_back


def counts():
    return ChordCounter.objects.values_list("count", flat=True).first(), ChordPart.objects.count()


def test_no_success_is_on_record_of_a_part_that_was_not_counted(backend, chord, dying):
    """Celery does not bring back a task whose success is on record."""
    dying("a", store, "save_part")
    assert not backend.task_result_exists("a")
    assert counts() == (2, 0)
    chord.bring_back("a")
    chord.bring_back("b")
    assert chord.sent == [[0, 1]]


def test_no_part_is_counted_whose_result_is_not_stored(backend, chord, dying):
    dying("a", store, "save_part", after=True)
    assert backend.task_result_exists("a")
    assert counts() == (1, 1)
    chord.bring_back("b")
    assert chord.sent == [[0, 1]]


@pytest.mark.parametrize("again", ["it comes back", "a look finds it"])
def test_the_last_part_ends_its_chord(backend, chord, dying, again):
    chord.bring_back("a")
    dying("b", chords, "claim")
    assert not chord.sent
    if again == "it comes back":
        chord.bring_back("b")
    else:
        backend.finish_due_chords()
    assert chord.sent == [[0, 1]]


def test_a_part_is_stored_and_counted_in_one_transaction(chord, database):
    with CaptureQueriesContext(connections[database]) as queries:
        chord.bring_back("a")
    sent = [query["sql"] for query in queries]
    if database == "default":
        assert len(sent) == 1
    else:
        assert [sent[0][:5], sent[-1]] == ["BEGIN", "COMMIT"]
        assert len(sent) == 2 + {"mariadb": 3, "sqlite": 4}[database]


def test_a_chord_that_ended_meanwhile_is_not_claimed(chord):
    """Whoever found it due a moment ago would send its body once more, with nothing."""
    chord.bring_back("a")
    chord.bring_back("b")
    assert chord.sent == [[0, 1]]
    assert not chords.claim("group", None)
    assert not ChordRow.objects.exists()
