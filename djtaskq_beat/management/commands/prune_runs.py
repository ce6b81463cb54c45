"""`manage.py prune_runs`: take old runs away now, and all of them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from djtaskq import progress
from djtaskq.conf import conf
from djtaskq_beat.management.output import database, errors_told, positive, seconds
from djtaskq_beat.pruning import ByAge, ByNumber, schedules_with_runs


class Command(BaseCommand):
    """Prune in small batches, as beat does by itself, but to the end."""

    help = (
        "Delete the runs that are older than BEAT_RUNS_EXPIRE, and those of each schedule beyond the latest "
        "BEAT_RUNS_KEEP. Beat does so by itself, a little each minute. Runs that wait to be published or "
        "are followed stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=seconds, metavar="SECONDS", help="In place of the setting.")
        parser.add_argument("--keep", type=positive, metavar="NUMBER", help="In place of the setting.")
        progress.add_option(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        age: float | None = options["older_than"]
        keep: int | None = options["keep"]
        age = conf().BEAT_RUNS_EXPIRE if age is None else age
        keep = conf().BEAT_RUNS_KEEP if keep is None else keep
        by_age, by_number = ByAge(database()), ByNumber(database())
        with errors_told(), progress.bar(None, "runs", progress=options["progress"]) as bar:
            more = True
            while more:
                before = by_age.deleted
                more = by_age.step(age)
                bar.update(by_age.deleted - before)
            if keep is not None:
                for periodic_task in schedules_with_runs(database()):
                    while deleted := by_number.prune(periodic_task, keep):
                        bar.update(deleted)
        self.stdout.write(
            f"Deleted {by_age.deleted:,} runs that were too old, and {by_number.deleted:,} beyond the number "
            "of runs that is kept."
        )
