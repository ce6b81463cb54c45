"""What can be wrong with a schedule, each with the sentence that its admin page shows."""

from djtaskq.errors import DjtaskqError


class BeatError(DjtaskqError):
    """Beat cannot do what was asked."""


class Unschedulable(BeatError):
    """This row cannot be scheduled."""


class NoSchedule(Unschedulable):
    """No schedule is set: choose one of interval, crontab, solar or clocked."""


class SeveralSchedules(Unschedulable):
    """More than one schedule is set ({kinds}): keep one."""


class UnknownPeriod(Unschedulable):
    """The interval's period is {period!r}; it must be days, hours, minutes, seconds or microseconds."""


class IntervalTooShort(Unschedulable):
    """An interval of {every} {period} is shorter than {shortest} seconds, the shortest that beat can keep."""


class IntervalTooLong(Unschedulable):
    """An interval of {every} {period} does not end before the year 10000."""


class InvalidCrontab(Unschedulable):
    """The crontab's {field} is {value!r}: {reason}"""


class NeverOccurs(Unschedulable):
    """No day of {days} exists in the months {months}: this schedule would never run."""


class UnknownZone(Unschedulable):
    """The time zone {zone!r} is not known on this machine."""


class EphemMissing(Unschedulable):
    """Solar schedules need the package ephem: pip install djtaskq[solar]"""


class InvalidSolar(Unschedulable):
    """The solar schedule is not valid: {reason}"""


class InvalidMessage(Unschedulable):
    """The {field} are not what a message can carry: {reason}"""


class NotDeclarable(BeatError):
    """{schedule!r} is no schedule that can be kept: use seconds, a timedelta, crontab, solar or clocked."""


class NoSuchSchedule(BeatError):
    """There is no schedule named “{name}”. {hint}"""


class InvalidTime(BeatError):
    """“{text}” is no time that can be used: write it as 2026-03-01T06:00 or 2026-03-01T06:00+01:00."""


class WrongFile(BeatError):
    """{where} cannot be read as schedules: {reason}"""


class WrongEntry(BeatError):
    """“{name}”: {field}: {reason}"""


class WrongEntries(BeatError):
    """Nothing was changed, since entries are wrong:{entries}"""


class ChangedMeanwhile(BeatError):
    """Somebody else changed the schedules at the same time, and nothing was changed here: run it again."""


class NotBackfillable(BeatError):
    """“{name}” cannot be backfilled: {reason}"""


class WebhookRefused(BeatError):
    """The webhook answered {status}, and 2xx is a receipt: see its log, and the URL in BEAT_ALERT_WEBHOOK."""
