"""Signals for whoever wants to hear that a run went wrong: connect a receiver, as to any of Django's.

Each is sent with `sender=TaskRun`, the `run`, the `alert` that is on record, and the `name` of the periodic
task, in a beat's own process, once for each run; a second time where a beat was killed in the middle of it.
"""

from django.dispatch import Signal

# Slots passed and will not run: no beat was there, or the broker was away.
run_missed = Signal()
# It was published, but later after it was due than its policy or BEAT_ALERT_LATE allows.
run_late = Signal()
# It failed, and with it so many in a row as its policy or BEAT_ALERT_FAILURES says.
run_failed = Signal()
# It has not ended so long after it was published as its policy or BEAT_ALERT_OVERDUE says.
run_overdue = Signal()
