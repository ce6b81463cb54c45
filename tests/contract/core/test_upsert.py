import itertools
import threading

import pytest
from django.db import connections
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Greatest
from django.test.utils import CaptureQueriesContext

from djtaskq.db.features import features
from djtaskq.db.upsert import MOST_ROWS, AmbiguousRows, EntangledAssignments, Incoming, Upsert
from tests.models import Note

MERGE = {
    "text": Coalesce(Incoming("text"), F("text")),
    "number": Greatest(F("number"), Incoming("number")),
    "state": Incoming("state"),
}
OPEN = Q(state="open")


def write(using, *rows, assign=MERGE, guard=OPEN):
    Upsert(Note, key=["key"], assign=assign, guard=guard).write(rows, using=using)


def stored(key="a"):
    return Note.objects.values_list("text", "number", "state").get(key=key)


def test_a_new_key_is_inserted_as_it_stands(database):
    write(database, Note(key="a", text="x", number=1, state="done"))
    assert stored() == ("x", 1, "done")


def test_a_known_key_is_merged_column_by_column(database):
    write(database, Note(key="a", text="x", number=5))
    write(database, Note(key="a", text=None, number=3, state="done"))
    assert stored() == ("x", 5, "done")


def test_the_guard_keeps_a_row_as_it_is(database):
    write(database, Note(key="a", text="x", number=1, state="done"))
    write(database, Note(key="a", text="y", number=9, state="open"))
    assert stored() == ("x", 1, "done")


def test_the_guard_sees_the_row_as_it_was_before_the_statement(database):
    write(database, Note(key="a", text="x", number=1))
    write(database, Note(key="a", text="y", number=2, state="done"))
    assert stored() == ("y", 2, "done")


def test_without_a_guard_every_row_is_merged(database):
    write(database, Note(key="a", number=1, state="done"))
    write(database, Note(key="a", number=2, state="open"), guard=None)
    assert stored() == (None, 2, "open")


def test_a_condition_may_compare_stored_and_incoming(database):
    newer = Q(number__lt=Incoming("number"))
    for number, text in ((2, "two"), (1, "one"), (3, "three")):
        write(
            database,
            Note(key="a", text=text, number=number),
            assign={"text": Incoming("text"), "number": Incoming("number")},
            guard=newer,
        )
    assert stored() == ("three", 3, "open")


def test_each_rule_sees_the_row_as_it_was_whatever_the_order_they_are_named_in(database):
    newer = Case(When(number__lt=Incoming("number"), then=Incoming("text")), default=F("text"))
    number = Greatest(F("number"), Incoming("number"))
    for key, assign in (("a", {"number": number, "text": newer}), ("b", {"text": newer, "number": number})):
        write(database, Note(key=key, text="old", number=1), assign=assign, guard=None)
        write(database, Note(key=key, text="new", number=2), assign=assign, guard=None)
        assert stored(key)[:2] == ("new", 2)


def test_rules_that_read_each_other_are_refused_where_they_cannot_be_kept(database):
    assign = {"number": Coalesce(F("number"), Incoming("number")), "text": Coalesce(F("text"), F("state"))}
    assign["state"] = Coalesce(F("text"), F("state"))
    if features(database).simultaneous_assignment:
        write(database, Note(key="a"), assign=assign, guard=None)
    else:
        with pytest.raises(EntangledAssignments, match="text"):
            write(database, Note(key="a"), assign=assign, guard=None)


def test_a_field_that_is_set_on_save_is_set(database):
    write(database, Note(key="a"))
    assert Note.objects.get(key="a").changed is not None


def test_columns_without_a_rule_stay(database):
    write(database, Note(key="a", text="x"), assign={"number": Incoming("number")})
    write(database, Note(key="a", text="y", number=4), assign={"number": Incoming("number")})
    assert stored() == ("x", 4, "open")


def test_a_thousand_rows_are_one_statement(database):
    rows = [Note(key=f"{number:04}", number=number) for number in range(MOST_ROWS)]
    with CaptureQueriesContext(connections[database]) as queries:
        write(database, *rows)
    assert len([query for query in queries if "INSERT" in query["sql"]]) == 1
    assert len(queries) == 1
    assert Note.objects.count() == MOST_ROWS


def test_more_rows_than_a_statement_takes_are_written_in_several(database):
    write(database, *(Note(key=f"{number:04}") for number in range(MOST_ROWS + 1)))
    assert Note.objects.count() == MOST_ROWS + 1


def test_no_rows_are_no_statement(database):
    with CaptureQueriesContext(connections[database]) as queries:
        write(database)
    assert len(queries) == 0


def test_a_key_twice_in_one_batch_is_refused_before_anything_is_written(database):
    with pytest.raises(AmbiguousRows, match="'a'"):
        write(database, Note(key="a"), Note(key="a"))
    assert not Note.objects.exists()


def test_percent_signs_and_quotes_in_values_are_values(database):
    write(database, Note(key="100%'\"", text="%s %(a)s"))
    write(database, Note(key="100%'\"", text="%s %(b)s"))
    assert stored("100%'\"")[0] == "%s %(b)s"


def test_two_writers_of_the_same_rows_in_opposite_order_both_finish(database):
    keys = [f"{number:03}" for number in range(200)]
    start = threading.Barrier(2)
    errors = []

    def work(order):
        try:
            for round_ in range(5):
                start.wait(20)
                write(database, *(Note(key=key, number=round_) for key in order))
        except Exception as error:  # noqa: BLE001  reported below
            errors.append(error)
            start.abort()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(order,)) for order in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert set(Note.objects.values_list("number", flat=True)) == {4}


def test_the_merge_does_not_depend_on_the_order_of_arrival(database):
    rows = [("x", 1, "open"), (None, 3, "open"), ("x", 2, "open")]
    ends = set()
    for index, order in enumerate(itertools.permutations(rows)):
        for text, number, state in order:
            write(database, Note(key=str(index), text=text, number=number, state=state))
        ends.add(stored(str(index)))
    assert ends == {("x", 3, "open")}
