"""`manage.py demo`: the site, a worker, beat and the camera under one supervisor, ready to look at."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import connection

from djtaskq.project import preparing, schedules
from djtaskq.project.supervisor import supervise


class Command(BaseCommand):
    """Prepare the database, the login and the schedules, then start everything."""

    help = "Start the demo: web server, worker, beat and camera under one supervisor."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Port of the web server on 127.0.0.1.")
        parser.add_argument("--prepare-only", action="store_true", help="Prepare everything, start nothing.")

    def handle(self, *_args: Any, port: int, prepare_only: bool, **_options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo's settings are not meant for the open: set DJTASKQ_DEMO=1 for it.")
        if settings.WATCH:
            raise CommandError("DJTASKQ_WATCH=1 is for another application's broker: the demo has its own.")
        preparing.check_port(port, "make demo PORT=")
        preparing.prepare_broker(", or leave BROKER_URL out: the demo then keeps its messages in files")
        preparing.prepare_database()
        password = preparing.login()
        schedules.load(preparing.site(port))
        self.stdout.write(preparing.welcome(port, password))
        self.stdout.flush()
        if not prepare_only:
            connection.close()
            sys.exit(supervise(preparing.environment(port)))
