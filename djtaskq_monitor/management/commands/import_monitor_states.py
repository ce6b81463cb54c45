"""`manage.py import_monitor_states`: take over what django-celery-monitor or djcelery recorded."""

from argparse import ArgumentParser
from typing import Any

from celery import current_app
from django.core.management import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections

from djtaskq import progress
from djtaskq_monitor import importing


class Command(BaseCommand):
    """Merge their rows into ours; what is there already stays."""

    help = (
        "Take over the tasks and workers that django-celery-monitor or djcelery recorded, from their tables. "
        "May be run again, and while a camera runs. Neither package needs to be installed any more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Say what there is, and take nothing.")
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            choices=tuple(connections),
            help="The database in which the tables are; “%(default)s” if not given.",
        )
        progress.add_option(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            told = self._take_over(options["database"], options)
        except (DatabaseError, InterfaceError) as error:
            said = str(error).strip() or type(error).__name__
            raise CommandError(
                f"The database does not do what it was asked ({said}). See that it runs, and that "
                "“manage.py migrate” has been run; then run this command again."
            ) from error
        self.stdout.write(told)

    def _take_over(self, using: str, options: dict[str, Any]) -> str:
        sources = importing.sources(using)
        if not sources:
            raise CommandError(
                f"The database “{using}” has no tables of django-celery-monitor (celery_monitor_taskstate) "
                "or djcelery (djcelery_taskstate). Name another one with --database."
            )
        lines = []
        with progress.bar(sum(map(len, sources)), "rows", progress=options["progress"]) as bar:
            for source in sources:
                found = source.take_over(current_app, dry_run=options["dry_run"], told=bar.update)
                lines.append(_told(found, dry_run=options["dry_run"]))
        return "\n".join(lines)


def _told(found: importing.Found, *, dry_run: bool) -> str:
    verb = "to be taken over" if dry_run else "taken over"
    told = f"{found.package}: {found.tasks:,} tasks and {found.workers:,} workers {verb}"
    if found.expired:
        told += f"; {found.expired:,} tasks left, as their time has come (see MONITOR_EXPIRE_SUCCESS)"
    if found.unusable:
        told += f"; {found.unusable:,} rows left that have no usable id"
    return f"{told}."
