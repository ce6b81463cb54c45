"""`manage.py beat_status`: whether beat is at its work; the exit code tells a health check."""

import datetime as dt
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management import BaseCommand

from djtaskq.conf import conf
from djtaskq_beat.management.output import add_format, database, errors_told, seconds
from djtaskq_beat.models import TaskRun
from djtaskq_beat.status import KnownBeat, Status, status
from djtaskq_beat.times import spoken, until, utc

_MAX_LAG = 60.0
_MARGIN = 11


class Command(BaseCommand):
    """Ask how beat is doing; nothing is written."""

    help = "Show how beat is doing. Ends with 0 if all is well and with 1 if something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--max-lag",
            type=seconds,
            default=_MAX_LAG,
            metavar="SECONDS",
            help=f"How late beat may be before that is wrong; {_MAX_LAG:g} unless told otherwise.",
        )
        add_format(parser, "one object")

    def handle(self, *_args: Any, **options: Any) -> None:
        with errors_told():
            found = status(database())
        problems = found.problems(dt.timedelta(seconds=options["max_lag"]))
        if options["format"] == "json":
            self.stdout.write(json.dumps(_as_data(found, problems), indent=2))
        else:
            for line in _as_text(found, problems):
                self.stdout.write(line)
        if problems:
            sys.exit(1)


def _as_text(found: Status, problems: Sequence[str]) -> Iterator[str]:
    yield from _section("Beats", _beats(found))
    yield from _section("Next due", [_next_due(found)])
    yield from _section("Lag", [spoken(found.lag) if found.lag >= dt.timedelta(seconds=1) else "none"])
    yield from _section("Waiting", [_waiting(found)])
    yield from _section("Set aside", _set_aside(found))
    yield from _section("Last hour", [_recent(found)])
    yield from _section("Triggers", [_triggers(found)])
    yield ""
    yield from problems or ["All is well."]


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number else title:<{_MARGIN}}{line}"


def _beats(found: Status) -> list[str]:
    if not found.beats:
        return ["none has ever reported itself here"]
    width = max(len(beat.row.name) for beat in found.beats)
    return [_beat(beat, found.now, width) for beat in found.beats]


def _beat(beat: KnownBeat, now: dt.datetime, width: int) -> str:
    row = beat.row
    said = (
        f"{beat.state:<7}  {row.name:<{width}}  last tick {spoken(now - (row.seen_at or now))} ago, "
        f"{row.claimed:,} claimed, {row.published:,} published"
    )
    return f"{said}; {row.problem}" if row.problem else said


def _next_due(found: Status) -> str:
    if found.next_due is None:
        return "nothing"
    return f"{found.next_name}, {until(found.next_due, found.now)} ({utc(found.next_due)})"


def _waiting(found: Status) -> str:
    if found.oldest_waiting is None:
        return "none"
    said = f"{found.waiting} claimed and not published"
    if found.publishing_lag < dt.timedelta(seconds=1):
        return said
    return f"{said}, the oldest for {spoken(found.publishing_lag)}"


def _set_aside(found: Status) -> list[str]:
    if not found.set_aside:
        return ["none"]
    lines = [f"{row.name}: {row.reason}" for row in found.set_aside]
    if found.set_aside_count.number > len(lines):
        lines.append(f"… {found.set_aside_count} in all")
    return lines


def _recent(found: Status) -> str:
    states = [str(value) for value in TaskRun.State.values if found.recent[value]]
    said = ", ".join(f"{found.recent[state]:,} {state}" for state in states) or "no runs"
    return f"more than {said}" if found.recent_more else said


def _triggers(found: Status) -> str:
    if found.triggers:
        return "in place"
    every = spoken(dt.timedelta(seconds=conf().BEAT_RECONCILE_SECONDS))
    return f"not in place: changes past Django's signals are looked for every {every}"


def _as_data(found: Status, problems: Sequence[str]) -> dict[str, Any]:
    return {
        "now": found.now.isoformat(),
        "ok": not problems,
        "problems": list(problems),
        "beats": [
            {
                "name": beat.row.name,
                "state": beat.state,
                "started_at": _iso(beat.row.started_at),
                "seen_at": _iso(beat.row.seen_at),
                "claimed": beat.row.claimed,
                "published": beat.row.published,
                "problem": beat.row.problem,
            }
            for beat in found.beats
        ],
        "next_due": {"name": found.next_name, "at": _iso(found.next_due)},
        "lag": found.lag.total_seconds(),
        "waiting": {
            "number": found.waiting.number,
            "more": found.waiting.more,
            "oldest": found.publishing_lag.total_seconds(),
        },
        "set_aside": {
            "number": found.set_aside_count.number,
            "more": found.set_aside_count.more,
            "first": [{"name": row.name, "reason": row.reason} for row in found.set_aside],
        },
        "last_hour": {"runs": dict(found.recent), "more": found.recent_more},
        "triggers": found.triggers,
    }


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
