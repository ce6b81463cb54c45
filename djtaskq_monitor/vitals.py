"""Whether workers work, whether cameras see it, and whether queues are taken from."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from djtaskq.conf import conf
from djtaskq.vitals import Level, Vital, page
from djtaskq_monitor import fleet
from djtaskq_monitor.brokers import queries
from djtaskq_monitor.models import CameraState, FreshStatistics
from djtaskq_monitor.statistics import charts

# How many runs of cameras that never said goodbye are looked at.
_MOST_CAMERAS = 50
# As many as charts read of what is not summed up yet.
MOST_FRESH = 1_000
# Failures are worth a word if they are many, and many of what ended.
FAILED_OVER = dt.timedelta(minutes=15)
FAILED_SHARE, FAILED_AT_LEAST = 0.05, 5
_NAMED = 3
_CAMERA = "celery -A proj events --camera=djtaskq_monitor.camera.Camera"
_RECENT = dt.timedelta(minutes=1)


def read() -> Iterator[Vital]:
    """Eight statements or fewer."""
    now = timezone.now()
    yield workers(fleet.fleet(now))
    cameras = list(CameraState.objects.order_by("-last_write")[:_MOST_CAMERAS])
    running = [camera for camera in cameras if camera.running(now)]
    yield _cameras(cameras, running, now)
    yield from _losses(running)
    yield from _queues()
    yield from _statistics(now)


def workers(known: fleet.Fleet) -> Vital:
    query = {"status": "lost"} if known.lost else {}
    url = page("djtaskq_monitor_workerstate_changelist", **query)
    level, number = Level.WELL, len(known.online)
    if not known.known:
        level = Level.UNUSED
        said = _("No worker was seen yet. Start one with -E, and a camera that hears it.")
    elif known.lost:
        level = Level.WARNING if number else Level.BAD
        said = _lost(known)
    elif not number:
        level = Level.BAD
        said = _("No worker is online: nothing takes tasks from the queues. Start one.")
    else:
        said = ngettext("%(n)d worker is online", "%(n)d workers are online", number) % {"n": number}
        said = _("%(online)s, %(busy)d of them busy.") % {"online": said, "busy": len(known.busy)}
    return Vital(name="workers", label=_("Workers"), level=level, said=said, value=number, url=url)


def _lost(known: fleet.Fleet) -> str:
    number = len(known.lost)
    said = ngettext("%(names)s is lost", "%(names)s are lost", number) % {"names": named(known.lost)}
    if known.stranded:
        tasks = ngettext("with %(n)d task at work", "with %(n)d tasks at work", known.stranded)
        said = f"{said} {tasks % {'n': known.stranded}}"
    return _("%(lost)s: no heartbeat, and no goodbye. See whether the process lives.") % {"lost": said}


def named(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return _("%(names)s and %(more)d more") % {"names": shown, "more": more} if more > 0 else shown


def _cameras(known: Sequence[CameraState], running: Sequence[CameraState], now: dt.datetime) -> Vital:
    last = max((camera.last_write for camera in known if camera.last_write), default=None)
    failing = next(
        (each for each in running if each.last_error_at and each.last_error_at > now - _RECENT), None
    )
    level = Level.WELL
    if not known:
        level = Level.UNUSED
        said = _("No camera has run yet: start one with “%s”.") % _CAMERA
    elif not running:
        level = Level.BAD
        said = _("No camera writes: what workers do since then is not shown here. Start one.")
    elif failing is not None:
        level = Level.WARNING
        said = _("The camera on %(host)s had an error less than a minute ago, with %(n)d rows waiting.") % {
            "host": failing.host,
            "n": failing.pending,
        }
    else:
        said = ngettext("%(n)d camera writes.", "%(n)d cameras write.", len(running)) % {"n": len(running)}
    return Vital(
        name="cameras",
        label=_("Cameras"),
        level=level,
        said=said,
        value=len(running),
        since=last,
        url=page("djtaskq_monitor_camerastate_changelist"),
    )


def _losses(running: Iterable[CameraState]) -> Iterator[Vital]:
    """What the cameras that run could not keep, since each of them started."""
    rows = list(running)
    if not rows:
        return
    losses = (
        (
            "dropped",
            _("Dropped events"),
            sum(row.dropped for row in rows),
            _("Cameras dropped parts of %d tasks for lack of memory while the database did not take them."),
            _("No camera had to drop anything."),
        ),
        (
            "set_aside",
            _("Rows set aside"),
            sum(row.set_aside for row in rows),
            _("The database refused %d rows for what was in them: the page of the camera says why."),
            _("The database took every row."),
        ),
        (
            "missed",
            _("Missed tasks"),
            sum(row.missed or 0 for row in rows),
            _("Workers started %d tasks of which no event came. Start workers with -E."),
            _("No worker told of tasks that were not seen."),
        ),
    )
    url = page("djtaskq_monitor_camerastate_changelist")
    for name, label, number, said, well in losses:
        level = Level.WARNING if number else Level.WELL
        text = said % number if number else well
        yield Vital(name=name, label=label, level=level, said=text, value=number, url=url)


def _queues() -> Iterator[Vital]:
    """Queues that nobody takes from, and those that the broker did not tell of."""
    known = queries.queues()
    if not known:
        return
    idle = [queue.row.name for queue in known if queue.stuck and not queue.row.problem]
    silent = [queue.row for queue in known if queue.row.problem]
    level, said = Level.WELL, _("Every queue that holds messages has a consumer.")
    if idle:
        level = Level.BAD
        said = _("Nobody takes from %s, where messages wait. Start a worker with -Q.") % named(idle)
    elif silent:
        level = Level.WARNING
        said = _("The broker does not tell of %(names)s: %(problem)s") % {
            "names": named([row.name for row in silent]),
            "problem": silent[0].problem[:200],
        }
    url = page("djtaskq_monitor_queuestate_changelist")
    yield Vital(name="queues", label=_("Queues"), level=level, said=said, value=len(idle), url=url)


def _statistics(now: dt.datetime) -> Iterator[Vital]:
    """How fresh the counts are, and whether many tasks failed lately."""
    if not conf().MONITOR_STATISTICS:
        said = _("Cameras do not count: MONITOR_STATISTICS is off.")
        yield Vital(name="statistics", label=_("Statistics"), level=Level.UNUSED, said=said)
        return
    waiting = FreshStatistics.objects.order_by()[: MOST_FRESH + 1].count()
    behind = waiting > MOST_FRESH
    yield Vital(
        name="statistics",
        label=_("Statistics"),
        level=Level.WARNING if behind else Level.WELL,
        said=_("What was counted is not summed up: no camera does so, and charts lack some of it.")
        if behind
        else _("What was counted is summed up."),
        value=waiting,
    )
    yield from failures(charts.summary(now - FAILED_OVER, now).get(""))


def failures(lately: charts.Point | None) -> Iterator[Vital]:
    """Of what ended in the last `FAILED_OVER`, the share that failed."""
    if lately is None:
        return
    failed, succeeded = lately["failed"], lately["succeeded"]
    share = failed / (failed + succeeded) if failed else 0.0
    many = failed >= FAILED_AT_LEAST and share >= FAILED_SHARE
    said = _("%(n)d of %(all)d tasks that ended in the last 15 minutes failed (%(share)s).") % {
        "n": failed,
        "all": failed + succeeded,
        "share": f"{share:.1%}",
    }
    yield Vital(
        name="failures",
        label=_("Failures"),
        level=Level.WARNING if many else Level.WELL,
        said=said,
        value=share,
        url=page("djtaskq_monitor_taskstate_changelist", state="FAILURE"),
    )
