from django_celery_beat.models import PeriodicTask

from tests.faults.storm import TASK


def test_intervals_without_a_start_time_do_not_drift(transactional_db, redis_url, make_storm):
    storm = make_storm("default", redis_url, load=1000, length=600)
    storm.make(start_time=None)
    storm.start(2)
    storm.blow()
    sent = storm.reckon("no fault")
    # The grid itself is held by the reckoning; what is left is that its slots are those of a second apart.
    fractions = {(message.name, message.slot.microsecond) for message in sent}
    assert len(fractions) == PeriodicTask.objects.filter(task=TASK).count()
