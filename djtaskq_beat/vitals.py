"""Whether beats are at their work, and whether schedules ran when they should."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from django.db import router
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from djtaskq.vitals import Level, Vital, page
from djtaskq_beat.heartbeat import alive
from djtaskq_beat.models import Alert, Beat, NextRun, TaskRun
from djtaskq_beat.querysets import from_now

# Beat looks for what is due every half second; what waits this long is not looked at.
MOST_LAG = 60.0
_DAY = dt.timedelta(days=1)
# What happened longer ago is told, and is no trouble any more.
_LATELY = dt.timedelta(hours=1)
_MOST_BEATS = 50
# As many of the newest alerts, and of the rows due next, are looked at.
_MOST_ALERTS = 1_000
_MOST_DUE = 2_000
# A row that is set aside is tried again within this time.
_TRIED_AGAIN = 61


def read() -> Iterator[Vital]:
    """Six statements or fewer, each of them by an index and bounded."""
    using = router.db_for_read(Beat)
    scheduled = NextRun.objects.using(using).filter(run_at__isnull=False, error="").seconds_to_next()
    yield _beats(using, in_use=scheduled is not None)
    yield from _lag(using, scheduled)
    yield from _alerts(using)
    yield from _set_aside(using)


def _beats(using: str, *, in_use: bool) -> Vital:
    living = list(alive(using)[:_MOST_BEATS])
    last = max((beat.seen_at for beat in living if beat.seen_at), default=None)
    problem = next((beat.problem for beat in living if beat.problem), "")
    level = Level.WELL
    if not living:
        last = Beat.objects.using(using).order_by("-seen_at").values_list("seen_at", flat=True).first()
        level = Level.BAD if in_use else Level.UNUSED
        said = _("No beat is alive: start one with “celery -A proj beat -S djtaskq”.")
    elif problem:
        level = Level.BAD if all(beat.problem for beat in living) else Level.WARNING
        said = _("A beat cannot do its work: %s") % problem[:300]
    else:
        said = ngettext("%(n)d beat is alive.", "%(n)d beats are alive.", len(living)) % {"n": len(living)}
    return Vital(
        name="beats",
        label=_("Beats"),
        level=level,
        said=said,
        value=len(living),
        since=last,
        url=page("djtaskq_beat_beat_changelist"),
    )


def _lag(using: str, scheduled: float | None) -> Iterator[Vital]:
    """How long what is due has waited: to be looked at, or to be published."""
    forsaken = TaskRun.objects.using(using).seconds_to_forsaken()
    lag = max(-(scheduled or 0.0), -(forsaken or 0.0), 0.0)
    if scheduled is None and forsaken is None:
        return
    late = lag > MOST_LAG
    said = _("What is due is published.")
    if late:
        said = _("Something is due for %d s and was not published: see what beat logs.") % lag
    yield Vital(
        name="schedules",
        label=_("Schedules"),
        level=Level.BAD if late else Level.WELL,
        said=said,
        value=lag,
        url=page("djtaskq_beat_nextrun_changelist"),
    )


def _alerts(using: str) -> Iterator[Vital]:
    """Runs of the last 24 hours that raised an alert, by its kind; keys of alerts are in order of time."""
    since = timezone.now() - _DAY
    newest = Alert.objects.using(using).order_by("-pk").values_list("kind", "raised_at")[:_MOST_ALERTS]
    known = [(kind, at) for kind, at in newest if at is not None and at >= since]
    raised = Counter(kind for kind, _at in known)
    lately = {kind for kind, at in known if at >= since + _DAY - _LATELY}
    for kind, name, label, bad, well in (
        (
            Alert.Kind.MISSED,
            "missed_runs",
            _("Missed runs"),
            _("%d slots were missed in the last 24 hours: no beat ran, or their policy skips them."),
            _("No slot was missed in the last 24 hours."),
        ),
        (
            Alert.Kind.LATE,
            "late_runs",
            _("Late runs"),
            _("%d runs were published late in the last 24 hours."),
            _("No run was late in the last 24 hours."),
        ),
    ):
        number = raised[kind]
        yield Vital(
            name=name,
            label=label,
            level=Level.WARNING if kind in lately else Level.WELL,
            said=bad % number if number else well,
            value=number,
            url=page("djtaskq_beat_alert_changelist", kind=str(kind)),
        )


def _set_aside(using: str) -> Iterator[Vital]:
    due = NextRun.objects.using(using).filter(run_at__lte=from_now(_TRIED_AGAIN)).order_by("run_at")
    found: int = due[:_MOST_DUE].aggregate(aside=Count("pk", filter=~Q(error="")))["aside"]
    said = _("Every schedule can be read.")
    if found:
        said = ngettext(
            "%(n)d schedule cannot be read, and does not run.",
            "%(n)d schedules cannot be read, and do not run.",
            found,
        ) % {"n": found}
    yield Vital(
        name="schedules_set_aside",
        label=_("Unreadable schedules"),
        level=Level.BAD if found else Level.WELL,
        said=said,
        value=found,
        url=page("django_celery_beat_periodictask_changelist", condition="aside"),
    )
