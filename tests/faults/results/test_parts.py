"""A chord's part whose process dies at the worst moment."""

import pytest
from celery import chord

from tests.faults.conftest import FULL
from tests.faults.results import app as tasks
from tests.waiting import eventually


@pytest.mark.parametrize("dies_at", ["save_part", *(["claim"] if FULL else [])])
def test_a_part_whose_process_dies_before_its_result_is_stored_or_after_is_counted(
    plain_sqlite, redis_url, make_storm, dies_at
):
    storm = make_storm(redis_url, **plain_sqlite, FAULTS_DIES_AT=dies_at)
    storm.start(1)
    body = chord([tasks.double.si(number) for number in range(4)], app=tasks.app)(tasks.total.s())
    eventually(storm.ledger.path.with_suffix(".died").exists)
    assert body.get(timeout=30) == 12
