"""`manage.py camera`: what `celery events --camera=djtaskq_monitor.camera.Camera` does, with more options."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from typing import Any

from celery import Celery, current_app
from celery.app.utils import find_app
from celery.utils.time import rate
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, router

from djtaskq import conf
from djtaskq.db.retry import cause
from djtaskq.errors import DjtaskqError
from djtaskq_monitor.camera import Camera
from djtaskq_monitor.models import CameraState

# Options that stand for a setting, by the name of the option.
_SETTINGS = {
    "queue": "MONITOR_QUEUE",
    "max_pending": "MONITOR_MAX_PENDING",
    "statistics": "MONITOR_STATISTICS",
    "enable_events": "MONITOR_ENABLE_EVENTS",
}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Command(BaseCommand):
    """Run until a signal says to stop."""

    help = (
        "Record the events of Celery's workers in the database, until SIGTERM or SIGINT: what was seen is "
        "written then, and the exit code is 0. It does what “celery events "
        "--camera=djtaskq_monitor.camera.Camera” does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--app",
            "-A",
            metavar="MODULE",
            help="The module of the Celery app, as in “celery -A”; not needed where the project imports it.",
        )
        parser.add_argument(
            "--frequency",
            "-F",
            type=_positive,
            default=1.0,
            metavar="SECONDS",
            help="Write what came every so many seconds; %(default)s if not given.",
        )
        parser.add_argument(
            "--maxrate", "-r", type=_rate, metavar="RATE", help="Write no more often than this, as in “10/m”."
        )
        parser.add_argument("--queue", metavar="NAME", help=_help("MONITOR_QUEUE"))
        parser.add_argument("--max-pending", type=int, metavar="TASKS", help=_help("MONITOR_MAX_PENDING"))
        parser.add_argument(
            "--no-statistics",
            dest="statistics",
            action="store_false",
            default=None,
            help="Count no tasks by the minute, their name, queue and worker (MONITOR_STATISTICS).",
        )
        parser.add_argument(
            "--no-enable-events",
            dest="enable_events",
            action="store_false",
            default=None,
            help="Do not tell workers without -E to send events (MONITOR_ENABLE_EVENTS).",
        )
        parser.add_argument(
            "--loglevel",
            "-l",
            type=str.upper,
            choices=_LEVELS,
            help="Log as Celery does, from this level on; Django's LOGGING counts if not given.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            _override(options)
            app = _app(options["app"])
            self._see_that_tables_are_there()
            self._run(app, options)
        except DjtaskqError as error:
            raise CommandError(str(error)) from error

    def _see_that_tables_are_there(self) -> None:
        try:
            CameraState.objects.using(router.db_for_write(CameraState)).exists()
        except (DatabaseError, InterfaceError) as error:
            if cause(error) is None:
                raise CommandError(
                    f"The camera's tables cannot be read ({str(error).strip()}). Run “manage.py migrate”."
                ) from error
            # A database that is away may come back, and events are held until then.
            self.stderr.write(f"The database does not answer yet: {str(error).strip()}")

    def _run(self, app: Celery, options: Mapping[str, Any]) -> None:
        if options["loglevel"]:
            app.log.setup_logging_subsystem(options["loglevel"])
        state = app.events.State()
        with (
            Camera(state, app=app, freq=options["frequency"], maxrate=options["maxrate"]) as camera,
            app.connection_for_read() as connection,
        ):
            receiver = app.events.Receiver(connection, handlers={})
            self.stdout.write(
                f"Taking events from {connection.as_uri()} by the queue {receiver.queue.name}, "
                f"writing every {camera.freq:g} s. Stop with Ctrl-C."
            )
            self.stdout.flush()
            receiver.capture(limit=None)
        self.stdout.write("Stopped.")


def _override(options: Mapping[str, Any]) -> None:
    conf.override(**{key: options[name] for name, key in _SETTINGS.items() if options[name] is not None})


def _app(module: str | None) -> Celery:
    if module is None:
        return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001  a proxy
    try:
        found: Celery = find_app(module)
    except (ImportError, AttributeError) as error:
        raise CommandError(f"There is no Celery app in {module!r}: {error}") from error
    return found


def _help(key: str) -> str:
    return f"{conf.help_text(key)} ({key})".replace("%", "%%")


def _positive(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number of seconds.")
    return seconds


def _rate(text: str) -> str:
    try:
        allowed = rate(text)
    except (ValueError, KeyError):
        allowed = 0
    if not allowed > 0:
        raise ArgumentTypeError(f"{text!r} is no rate: write a number and a unit, as in 10/m (or /s, /h).")
    return text
