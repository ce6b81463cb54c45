"""`manage.py beat_backfill`: runs for slots of the past that had none."""

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from djtaskq import progress
from djtaskq_beat.backfill import Backfill, carry_out, planned
from djtaskq_beat.management.output import database, errors_told, positive, seconds, time_argument
from djtaskq_beat.naming import pk_of
from djtaskq_beat.rows import read
from djtaskq_beat.spelling import zone_of
from djtaskq_beat.times import placed, utc

_LIMIT = 1_000
_SHOWN = 10


class Command(BaseCommand):
    """Record the runs; whichever beat is alive publishes them."""

    help = "Run a schedule for the slots of the past, from FROM up to TO, that have no run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="The schedule's name.")
        for argument, metavar in (("start", "FROM"), ("end", "TO")):
            parser.add_argument(
                argument,
                metavar=metavar,
                type=time_argument,
                help="A time, as in 2026-03-01T06:00; in the schedule's zone if it has none.",
            )
        parser.add_argument("--dry-run", action="store_true", help="Say which slots would run.")
        parser.add_argument(
            "--missed", action="store_true", help="Also slots on record as missed or as skipped."
        )
        parser.add_argument(
            "--limit",
            type=positive,
            default=_LIMIT,
            help=f"Refuse more slots than this ({_LIMIT:,}).",
        )
        parser.add_argument(
            "--spread",
            type=seconds,
            default=0.0,
            metavar="SECONDS",
            help="Publish them evenly over this time instead of at once.",
        )
        progress.add_option(parser)

    def handle(self, *_args: Any, name: str, **options: Any) -> None:
        using = database()
        with errors_told():
            pk = pk_of(name, using)
            row = read(using, [pk])[pk]
            zone = zone_of(row)
            found = planned(
                row,
                placed(options["start"], zone),
                placed(options["end"], zone),
                using=using,
                missed=options["missed"],
                limit=options["limit"],
            )
            if options["dry_run"]:
                self._show(found)
                number = 0
            else:
                with progress.bar(len(found.slots), "slots", progress=options["progress"]) as bar:
                    spread = dt.timedelta(seconds=options["spread"])
                    number = carry_out(found, using, spread=spread, advance=bar.update)
        self._tell(found, number, dry_run=options["dry_run"])

    def _show(self, found: Backfill) -> None:
        for slot in found.slots[:_SHOWN]:
            self.stdout.write(f"  {utc(slot)}" + ("  again" if slot in found.again else ""))
        if len(found.slots) > _SHOWN:
            self.stdout.write(f"  … and {len(found.slots) - _SHOWN:,} more, up to {utc(found.slots[-1])}")

    def _tell(self, found: Backfill, number: int, *, dry_run: bool) -> None:
        if dry_run:
            self.stdout.write(
                f"{_slots(len(found.slots))} would run: this was a dry run, nothing is recorded."
            )
        elif number:
            self.stdout.write(f"{_slots(number)} recorded: beat publishes them, the oldest first.")
        else:
            self.stdout.write("There is nothing to run.")
        if found.ran:
            self.stdout.write(f"{_slots(found.ran)} had a run already.")
        if found.left_given_up:
            self.stdout.write(
                f"{_slots(found.left_given_up)} on record as missed or skipped: --missed runs them, too."
            )
        for note in found.notes:
            self.stdout.write(note)


def _slots(number: int) -> str:
    return "1 slot" if number == 1 else f"{number:,} slots"
