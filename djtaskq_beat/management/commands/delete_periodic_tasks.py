"""`manage.py delete_periodic_tasks`: many schedules gone in seconds."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask

from djtaskq import progress
from djtaskq_beat.deletion import delete_tasks
from djtaskq_beat.management.output import database, errors_told
from djtaskq_beat.naming import pk_of

_SHOWN = 10


class Command(BaseCommand):
    """Say what would go, ask, and delete it in batches."""

    help = (
        "Delete periodic tasks with what belongs to them; the history of their runs stays. Conditions add "
        "up: --prefix a --disabled deletes what begins with “a” and is disabled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="The names of schedules.")
        parser.add_argument("--prefix", help="Those whose name begins with this.")
        parser.add_argument("--task", help="Those that run this task, as in myapp.tasks.clean.")
        parser.add_argument("--disabled", action="store_true", help="Those that are disabled.")
        parser.add_argument("--all", action="store_true", help="Every one there is.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be deleted; delete nothing."
        )
        parser.add_argument(
            "--no-input", "--noinput", action="store_false", dest="interactive", help="Do not ask."
        )
        progress.add_option(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        with errors_told():
            tasks = _chosen(options)
            count = tasks.count()
            if not count:
                self.stdout.write("No periodic task is like that: nothing is deleted.")
                return
            if options["dry_run"] or options["interactive"]:
                self._show(tasks, count)
            if options["dry_run"] or (options["interactive"] and not _confirmed(count)):
                self.stdout.write("Nothing is deleted.")
                return
            with progress.bar(count, "periodic tasks", progress=options["progress"]) as bar:
                deleted = delete_tasks(tasks, progress=bar.update)
            self.stdout.write(f"Deleted {_counted(deleted)}.")

    def _show(self, tasks: QuerySet[PeriodicTask], count: int) -> None:
        self.stdout.write(f"{_counted(count)} to delete:")
        for name in tasks.order_by("name").values_list("name", flat=True)[:_SHOWN]:
            self.stdout.write(f"  {name}")
        if count > _SHOWN:
            self.stdout.write(f"  … and {count - _SHOWN:,} more")


def _chosen(options: dict[str, Any]) -> QuerySet[PeriodicTask]:
    using = database()
    tasks: QuerySet[PeriodicTask] = PeriodicTask._default_manager.using(using)
    conditions: dict[str, Any] = {}
    if options["name"]:
        conditions["pk__in"] = _keys(options["name"], using)
    if options["prefix"]:
        conditions["name__startswith"] = options["prefix"]
    if options["task"]:
        conditions["task"] = options["task"]
    if options["disabled"]:
        conditions["enabled"] = False
    if bool(conditions) == options["all"]:
        raise CommandError(
            "Say which periodic tasks: by name, --prefix, --task or --disabled; or --all, without those."
        )
    return tasks.filter(**conditions)


def _keys(names: Sequence[str], using: str) -> list[int]:
    return [pk_of(name, using) for name in names]


def _confirmed(count: int) -> bool:
    try:
        return input(f"Delete {_counted(count)}? Type “yes” to do it: ").strip() == "yes"
    except EOFError:
        raise CommandError("There is nobody to ask: use --no-input to delete without a question.") from None


def _counted(count: int) -> str:
    return f"{count:,} periodic task{'' if count == 1 else 's'}"
