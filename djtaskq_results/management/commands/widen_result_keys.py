"""`manage.py widen_result_keys`: make the primary keys of django-celery-results' tables 64 bits wide."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, models, router
from django.template.defaultfilters import filesizeformat

from djtaskq.db.retry import Cause, cause
from djtaskq.db.widening import KeyRange, key_range, seconds_locked, widen
from djtaskq_results.widekeys import MODELS


class Command(BaseCommand):
    """Say how long each table would be locked, ask, and do it; what is wide already is passed over."""

    help = (
        "Make the primary keys of django-celery-results' tables 64 bits wide. Each table is rewritten, and "
        "locked meanwhile: workers wait to store results for as long as DATABASE_RETRY_SECONDS says."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Say how long it would take, and do nothing."
        )
        parser.add_argument(
            "--no-input", action="store_false", dest="ask", help="Do not ask before it is done."
        )
        parser.add_argument(
            "--lock-timeout",
            type=float,
            default=2.0,
            metavar="SECONDS",
            help="Wait this long for each table's lock, since all others wait behind it; 2 unless given.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            narrow = [found for model in MODELS if (found := self._narrow(model))]
            if options["dry_run"] or not narrow:
                return
            if options["ask"] and not self._confirmed():
                raise CommandError("Nothing was changed.")
            for model, known in narrow:
                widen(model, router.db_for_write(model), lock_seconds=options["lock_timeout"])
                self.stdout.write(f"{known.table}: done.")
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(_said(error)) from error

    def _narrow(self, model: type[models.Model]) -> tuple[type[models.Model], KeyRange] | None:
        using = router.db_for_write(model)
        known = key_range(model, using)
        if known is None or known.wide:
            self.stdout.write(f"{model._meta.db_table}: its keys are 64 bits wide.")
            return None
        locked = seconds_locked(model, known, using)
        self.stdout.write(
            f"{known.table}: {known.used:.1%} of its keys are used; about {known.rows:,} rows, "
            f"{filesizeformat(known.size)}; it would be locked for about {locked:,.1f} s."
        )
        return model, known

    def _confirmed(self) -> bool:
        self.stdout.write(
            "While a table is locked nobody reads or stores results in it. There must be room for a second "
            "copy of it. Fewer rows take less time: prune_results deletes what has expired."
        )
        return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}


def _said(error: BaseException) -> str:
    if cause(error) is Cause.CONFLICT:
        return (
            "Another connection uses the table, and did not let go of it in time. What is said to be done is "
            "done, the rest is as it was: try again, or give it longer with --lock-timeout."
        )
    return f"The database refused: {str(error).strip()}"
