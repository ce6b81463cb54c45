import datetime as dt
import threading

import pytest
from django.db import connections, transaction

from djtaskq.db.claims import claim, writing
from djtaskq.db.features import features
from tests.models import Note

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
END = START + dt.timedelta(days=1)


def open_notes(using):
    return Note.objects.using(using).filter(state="open", at__lte=END).order_by("at")


def in_thread(work):
    """Run `work` on a connection of its own; what it returned, or the error that it ended with."""
    ends = []

    def run():
        try:
            ends.append(work())
        except Exception as error:  # noqa: BLE001  handed to the test
            ends.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ends


def make(count):
    Note.objects.bulk_create(
        Note(key=f"{number:03}", number=number, at=START + dt.timedelta(seconds=number))
        for number in range(count)
    )


def test_a_claim_takes_the_first_rows_in_order_and_no_more_than_asked(database):
    make(5)
    with writing(database):
        assert [note.number for note in claim(open_notes(database), 3)] == [0, 1, 2]


def test_a_row_that_is_held_elsewhere_is_passed_over_or_waited_for(database):
    make(3)

    def other():
        with writing(database):
            taken = claim(open_notes(database), 2)
            Note.objects.filter(pk__in=[note.pk for note in taken]).update(state="taken")
            return [note.number for note in taken]

    with writing(database):
        held = claim(open_notes(database), 1)
        thread, ends = in_thread(other)
        if features(database).skip_locked:
            thread.join(20)
            assert ends == [[1, 2]]
        Note.objects.filter(pk=held[0].pk).update(state="taken")
    thread.join(30)
    assert ends == [[1, 2]]


def test_claimers_side_by_side_never_take_a_row_twice(database):
    make(60)
    taken = []
    errors = []

    def work():
        while True:
            with writing(database):
                batch = claim(open_notes(database), 7)
                Note.objects.filter(pk__in=[note.pk for note in batch]).update(state="taken")
            if not batch:
                return
            taken.extend(note.number for note in batch)

    threads = [in_thread(work) for _ in range(4)]
    for thread, ends in threads:
        thread.join(60)
        errors += [end for end in ends if end is not None]
    assert not errors
    # A claimer that found every open row held by others may stop early; what it left is still there.
    left = list(open_notes(database).values_list("number", flat=True))
    assert sorted(taken + left) == list(range(60))
    assert len(taken) >= 7


def test_a_writer_that_reads_first_waits_its_turn(database):
    make(1)
    entered = threading.Event()

    def other():
        entered.set()
        with writing(database):
            note = Note.objects.select_for_update().get()
            note.number += 1
            note.save()

    with writing(database):
        note = Note.objects.select_for_update().get()
        thread, ends = in_thread(other)
        assert entered.wait(20)
        note.number += 1
        note.save()
    thread.join(30)
    assert ends == [None]
    assert Note.objects.get().number == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_reader_that_turns_writer_waits_its_turn_without_immediate_transactions(database, monkeypatch):
    """SQLite's own default refuses the second of two such writers at once, however long it would wait."""
    monkeypatch.setattr(connections[database], "transaction_mode", None)
    make(1)
    entered = threading.Event()

    def other():
        connections[database].ensure_connection()
        connections[database].transaction_mode = None
        entered.set()
        with writing(database):
            Note.objects.update(number=Note.objects.get().number + 1)

    with writing(database):
        number = Note.objects.get().number
        thread, ends = in_thread(other)
        assert entered.wait(20)
        Note.objects.update(number=number + 1)
    thread.join(30)
    assert ends == [None]
    assert Note.objects.get().number == 2


def test_writing_is_a_transaction(database):
    def fail():
        with writing(database):
            make(1)
            make(None)

    with pytest.raises(TypeError):
        fail()
    assert not Note.objects.exists()
    with transaction.atomic(using=database), writing(database):
        make(1)
    assert Note.objects.exists()
