"""`manage.py demo`: the site, a worker, beat and the camera under one supervisor, ready to look at."""

import os
import secrets
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from djtaskq.project import schedules
from djtaskq.project.celery import app
from djtaskq.project.supervisor import supervise

USERNAME = "demo"


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
        _check_port(port)
        _prepare_broker()
        _prepare_database()
        password = _login()
        site = f"http://127.0.0.1:{port}/admin/"
        schedules.load(site)
        self.stdout.write(
            f"\n  djtaskq is at  {site}\n"
            f"  log in as      {USERNAME}\n"
            f"  password       {password}\n\n"
            f"  Its files are in {settings.HOME}; Ctrl-C stops it.\n\n"
        )
        self.stdout.flush()
        if not prepare_only:
            connection.close()
            sys.exit(supervise(_environment(port)))


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Port {port} cannot be used ({error}). Choose another one: make demo PORT={port + 1}"
            ) from error


def _prepare_broker() -> None:
    for name, value in getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).items():
        if "folder" in name:
            Path(value).mkdir(parents=True, exist_ok=True)
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=5)
    except (BrokerError, OSError) as error:
        raise CommandError(
            f"The broker does not answer ({error}). Start it, or correct BROKER_URL, or leave BROKER_URL "
            "out: the demo then keeps its messages in files."
        ) from error


def _prepare_database() -> None:
    settings.HOME.mkdir(parents=True, exist_ok=True)
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CommandError(
            f"The database does not answer ({str(error).strip()}). Start it, or correct DATABASE_URL, or "
            "leave DATABASE_URL out: the demo then uses SQLite."
        ) from error
    call_command("migrate", verbosity=0, interactive=False)


def _login() -> str:
    """The password of the demo's user, drawn once and kept in a file that only its owner reads."""
    file = settings.HOME / "password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    password = str(file.read_text())
    user, _ = get_user_model().objects.get_or_create(
        username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return password


def _environment(port: int) -> dict[str, str]:
    """What the processes find: the same interpreter and the same files, wherever they are started."""
    return os.environ | {
        "DEMO_PORT": str(port),
        "DJTASKQ_HOME": str(settings.HOME),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        # Celery's events command declares one of its options twice, and says so at every start.
        "PYTHONWARNINGS": "ignore::UserWarning:click.core",
    }
