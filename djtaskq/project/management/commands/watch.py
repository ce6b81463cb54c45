"""`python -m djtaskq.project watch`: the site and the camera on the broker of another application."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import connection
from kombu.utils.url import maybe_sanitize_url

from djtaskq.project import preparing
from djtaskq.project.supervisor import supervise


class Command(BaseCommand):
    """Prepare the database and the login, then start what looks and nothing that works."""

    help = (
        "Watch another application by its broker, BROKER_URL: web server and camera, on this machine alone."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Port of the web server on 127.0.0.1.")

    def handle(self, *_args: Any, port: int, **_options: Any) -> None:
        if not (settings.DEMO and settings.WATCH):
            raise CommandError("Its settings are chosen by “python -m djtaskq.project watch”: start it so.")
        broker = settings.CELERY_BROKER_URL
        if broker.startswith("filesystem:"):
            raise CommandError("Which broker? Set BROKER_URL to that of your application, as in redis://….")
        preparing.check_port(port, "--port ")
        preparing.prepare_broker()
        preparing.prepare_database()
        password = preparing.login()
        self.stdout.write(
            f"\n  It watches     {maybe_sanitize_url(broker)}" + preparing.welcome(port, password)
        )
        self.stdout.flush()
        connection.close()
        sys.exit(supervise(preparing.environment(port), only=("web", "camera")))
