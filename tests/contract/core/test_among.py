import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from djtaskq.db.among import Among
from tests.models import Note


@pytest.fixture
def notes(database):
    Note.objects.bulk_create(Note(key=str(number)) for number in range(10))
    return list(Note.objects.order_by("key").values_list("pk", flat=True))


def test_rows_are_found_by_their_keys(notes):
    found = Note.objects.filter(Among("pk", notes[2:5]), state="open").order_by("key")
    assert [note.pk for note in found] == notes[2:5]
    assert not Note.objects.filter(Among("pk", notes), state="closed").exists()


def test_none_are_found_by_none(notes):
    assert not Note.objects.filter(Among("pk", [])).exists()


def test_they_are_deleted_and_changed_by_them_in_one_statement(notes, database):
    assert Note.objects.filter(Among("pk", notes[:3])).update(number=7) == 3
    with CaptureQueriesContext(connections[database]) as captured:
        assert Note.objects.filter(Among("pk", iter(notes[:3]))).delete()[0] == 3
    assert sum(query["sql"].startswith("DELETE") for query in captured) == 1
    assert Note.objects.count() == 7


def test_they_are_looked_up_in_the_index(notes):
    Note.objects.bulk_create(Note(key=f"more {number}") for number in range(5_000))
    plan = Note.objects.filter(Among("pk", notes[:2])).explain()
    assert any(word in plan for word in ("PRIMARY", "_pkey", "INTEGER PRIMARY KEY")), plan
    assert " ALL " not in plan, plan


def test_there_may_be_more_than_a_statement_has_parameters(notes):
    assert Note.objects.filter(Among("pk", [*range(10**6, 10**6 + 70_000), notes[0]])).count() == 1


def test_what_is_no_number_never_gets_into_the_statement():
    with pytest.raises(ValueError, match="invalid literal"):
        Among("pk", ["1) OR (1 = 1"])
