"""Parts of chords, and what is left of a chord."""

import datetime as dt

from django.utils import timezone
from django_celery_results.models import ChordCounter

from djtaskq_results.chords import Part
from djtaskq_results.models import Chord, ChordPart
from tests.contract.results.conftest import protocol_2


def request_of(task_id, body, group_id="group", **more):
    return protocol_2(task_id, group=group_id, chord=dict(body), **more)


def part(task_id="a", position=0, group_id="group", state="SUCCESS"):
    return Part(group_id=group_id, task_id=task_id, position=position, state=state)


def count(group_id="group"):
    return ChordCounter.objects.values_list("count", flat=True).filter(group_id=group_id).first()


def a_second_ago():
    return timezone.now() - dt.timedelta(seconds=1)


def nothing_is_left():
    return not (ChordCounter.objects.exists() or Chord.objects.exists() or ChordPart.objects.exists())
