"""Chords whose finisher died, or that nobody will ever finish."""

import datetime as dt
from unittest.mock import patch

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import ChordCounter

from djtaskq_results import chords
from djtaskq_results.chords import Counted
from djtaskq_results.models import Chord, ChordPart
from tests.contract.results.chording import a_second_ago, nothing_is_left, part, request_of


def test_a_chord_whose_finisher_died_is_finished_when_its_claim_is_over(backend, body, header, sent):
    backend.apply_chord(("group", header("a")), body)
    backend.mark_as_done("a", 1)
    assert chords.part_returned(part()) is Counted.DUE
    assert chords.claim("group", None)
    backend.cleanup()
    assert not sent
    Chord.objects.update(claimed_until=a_second_ago())
    backend.cleanup()
    assert sent == [[1]]
    assert nothing_is_left()


def test_a_redelivered_last_part_finishes_what_its_first_run_did_not(backend, body, header, sent):
    backend.apply_chord(("group", header("a")), body)
    assert chords.part_returned(part()) is Counted.DUE
    backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    assert sent == [[1]]


def kill(*_args, **_options):
    raise SystemExit  # what no handler of an error takes for one


@pytest.mark.parametrize("at", ["claim", "parts", "end"])
def test_a_chord_whose_finisher_died_is_finished_by_the_next_look(backend, body, header, sent, at):
    backend.apply_chord(("group", header("a")), body)
    last = request_of("a", body, group_index=0)
    with patch.object(chords, at, kill), pytest.raises(SystemExit):
        backend.mark_as_done("a", 1, last)
    Chord.objects.filter(claimed_until__isnull=False).update(claimed_until=a_second_ago())
    if at == "end":
        backend.store_result("the-body", None, "STARTED")  # it was sent, and runs
    backend.finish_due_chords()
    assert sent == [[1]]
    assert nothing_is_left()


def test_a_look_that_finds_nothing_is_one_statement(backend, body, header, database):
    backend.apply_chord(("group", header("a", "b")), body)
    with CaptureQueriesContext(connections[database]) as queries:
        backend.finish_due_chords()
    assert len(queries) == 1


def test_a_body_that_cannot_be_read_stands_in_no_others_way(backend, body, header, sent, caplog):
    for group_id in ("broken", "well"):
        backend.apply_chord((group_id, header("a")), body)
        assert chords.part_returned(part(group_id=group_id)) is Counted.DUE
    Chord.objects.filter(group_id="broken").update(body="{")
    backend.mark_as_done("a", 1)
    backend.finish_due_chords()
    assert sent == [[1]]
    assert "'broken'" in caplog.text


def test_what_the_peers_workers_left_behind_expires_too(make_app, body, database, sent):
    backend = make_app(result_chord_expires=3600).backend
    ChordCounter.objects.create(group_id="begun there", sub_tasks="[]", count=3)
    ChordPart.objects.create(group_id="ended there", task_id="a", position=0, state="SUCCESS")
    backend.cleanup()
    assert ChordCounter.objects.count() == ChordPart.objects.count() == 1
    Chord.objects.update(created_at=timezone.now() - dt.timedelta(hours=2))
    backend.cleanup()
    assert nothing_is_left()
