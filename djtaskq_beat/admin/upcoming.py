"""The next runs as a person reads them: on their own clock, on the schedule's, and where clocks change."""

import dataclasses
import datetime as dt
import zoneinfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from djtaskq.admin import widgets
from djtaskq_beat.occurrences.clockchanges import ClockChange, Showing, change_between, moved_from, showing
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.outlook import Outlook


@dataclasses.dataclass(frozen=True, slots=True)
class ComingRun:
    """A slot; `there` is its time in the schedule's own zone, if that is another than the reader's."""

    slot: dt.datetime
    there: str
    notes: tuple[str, ...]


def coming_runs(outlook: Outlook, now: dt.datetime) -> list[ComingRun]:
    here = timezone.get_current_timezone()
    zone = outlook.crontab.zone if outlook.crontab is not None else None
    runs, before = [], now
    for slot in outlook.slots:
        notes = clock_notes(slot, min(before, slot), here, outlook.crontab)
        away = zone is not None and slot.astimezone(zone).utcoffset() != slot.astimezone(here).utcoffset()
        runs.append(ComingRun(slot, widgets.exactly(slot, zone) if away else "", tuple(notes)))
        before = slot
    return runs


def clock_notes(
    slot: dt.datetime, before: dt.datetime, here: dt.tzinfo, crontab: Crontab | None
) -> list[str]:
    """What the clocks of the schedule's zone, and those of `here`, do at `slot` and since `before`."""
    zones = [crontab.zone] if crontab is not None else []
    if isinstance(here, zoneinfo.ZoneInfo) and here not in zones:
        zones.append(here)
    notes = []
    for zone in zones:
        change = change_between(zone, before, slot)
        if change is not None:
            notes.append(_changed(zone, change))
    if crontab is not None:
        notes += _of_crontab(crontab, slot, before)
    return notes


def _changed(zone: zoneinfo.ZoneInfo, change: ClockChange) -> str:
    day = date_format(change.at.astimezone(zone), "j M Y")
    by = widgets.duration(abs(change.by.total_seconds()))
    if change.by < dt.timedelta():
        return _("Clocks in %(zone)s go back by %(by)s on %(day)s.") % {"zone": zone, "by": by, "day": day}
    return _("Clocks in %(zone)s go forward by %(by)s on %(day)s.") % {"zone": zone, "by": by, "day": day}


def _of_crontab(crontab: Crontab, slot: dt.datetime, before: dt.datetime) -> list[str]:
    change = change_between(crontab.zone, before, slot)
    skipped = moved_from(crontab, slot, change) if change is not None else None
    if skipped is not None:
        return [_("%s does not exist on that day: it runs at the first instant after.") % f"{skipped:%H:%M}"]
    time = f"{slot.astimezone(crontab.zone):%H:%M}"
    shown = showing(crontab.zone, slot)
    if shown is Showing.ONCE:
        return []
    if not crontab.every_hour:
        return [_("%s comes twice on that day: it runs once, at the first.") % time]
    if shown is Showing.FIRST:
        return [_("%s comes twice on that day: this is the first.") % time]
    return [_("%s comes twice on that day: this is the second.") % time]
