"""`manage.py beat_next`: when a schedule runs next, without waiting for it."""

import datetime as dt
import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management import BaseCommand, CommandError

from djtaskq.db.clock import now as database_now
from djtaskq_beat.forecast import Coming, Forecast, forecasts, pages
from djtaskq_beat.management.output import add_format, database, errors_told, positive, time_argument
from djtaskq_beat.naming import pk_of
from djtaskq_beat.times import until, utc

_OF_ONE, _OF_EACH = 5, 1
_WIDEST = 40


class Command(BaseCommand):
    """Read what is planned and say it; nothing is written."""

    help = "Show when a schedule runs next, or all of them, where it is and in UTC."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="The schedule's name.")
        parser.add_argument("--all", action="store_true", help="Every schedule that is enabled, by name.")
        parser.add_argument(
            "--count", type=positive, help=f"How many slots: {_OF_ONE} of one, {_OF_EACH} of each with --all."
        )
        parser.add_argument(
            "--from",
            type=time_argument,
            dest="start",
            metavar="TIME",
            help="Slots from this time on, as in 2026-03-28T00:00; in the schedule's zone if it has none.",
        )
        add_format(parser, "one object a line for each schedule")

    def handle(self, *_args: Any, name: str | None, **options: Any) -> None:
        if (name is None) == (not options["all"]):
            raise CommandError("Name one schedule, or ask for --all of them.")
        count = options["count"] or (_OF_EACH if options["all"] else _OF_ONE)
        using = database()
        with errors_told():
            chosen = pages(using) if name is None else [[pk_of(name, using)]]
            for page in chosen:
                now = database_now(using)
                found = forecasts(page, using=using, now=now, count=count, start=options["start"])
                self._show(found, now, options)

    def _show(self, found: Sequence[Forecast], now: dt.datetime, options: dict[str, Any]) -> None:
        if options["format"] == "json":
            lines: Iterator[str] = (json.dumps(_as_data(forecast)) for forecast in found)
        elif options["all"]:
            width = min(max(len(forecast.name) for forecast in found), _WIDEST)
            lines = (line for forecast in found for line in _in_one_list(forecast, now, width))
        else:
            lines = (line for forecast in found for line in _alone(forecast, now))
        for line in lines:
            self.stdout.write(line)


def _alone(forecast: Forecast, now: dt.datetime) -> Iterator[str]:
    yield f"{forecast.name}: {forecast.schedule}" + (f" ({forecast.note})" if forecast.note else "")
    if forecast.problem:
        yield f"  never: {forecast.problem}"
    for coming in forecast.coming:
        yield "  " + _line(forecast, coming, now)


def _in_one_list(forecast: Forecast, now: dt.datetime, width: int) -> Iterator[str]:
    name = f"{forecast.name:<{width}}"
    if forecast.problem:
        yield f"{name}  never: {forecast.problem}"
    for coming in forecast.coming:
        yield f"{name}  {_line(forecast, coming, now)}"


def _line(forecast: Forecast, coming: Coming, now: dt.datetime) -> str:
    local = f"{coming.slot.astimezone(forecast.zone):%a %Y-%m-%d %H:%M:%S %Z}"
    said = f"{local:<29}  {utc(coming.slot)}  {until(coming.due_at, now):<14}"
    return "  ".join([said, *coming.notes]).rstrip()


def _as_data(forecast: Forecast) -> dict[str, Any]:
    return {
        "name": forecast.name,
        "schedule": forecast.schedule,
        "zone": str(forecast.zone),
        "problem": forecast.problem,
        "note": forecast.note,
        "slots": [
            {
                "local": coming.slot.astimezone(forecast.zone).isoformat(),
                "utc": coming.slot.isoformat(),
                "due_at": coming.due_at.isoformat(),
                "notes": list(coming.notes),
            }
            for coming in forecast.coming
        ],
    }
