"""What is seen to before processes start: a port, a broker that answers, tables, a login."""

import os
import secrets
import socket
import sys
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from djtaskq.project.celery import app

USERNAME = "demo"


def check_port(port: int, another: str) -> None:
    """Raises a `CommandError` for a port that cannot be used; `another` is how to say which one to take."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Port {port} cannot be used ({error}). Choose another one: {another}{port + 1}"
            ) from error


def prepare_broker(otherwise: str = "") -> None:
    """Raises a `CommandError` for a broker that does not answer; `otherwise` is what else could be done."""
    for name, value in getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).items():
        if "folder" in name:
            Path(value).mkdir(parents=True, exist_ok=True)
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=5)
    except (BrokerError, OSError, ValueError, KeyError) as error:
        raise CommandError(
            f"The broker does not answer ({error}). Start it, or correct BROKER_URL{otherwise}."
        ) from error


def prepare_database() -> None:
    settings.HOME.mkdir(parents=True, exist_ok=True)
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CommandError(
            f"The database does not answer ({str(error).strip()}). Start it, or correct DATABASE_URL, or "
            "leave DATABASE_URL out: SQLite is used then."
        ) from error
    call_command("migrate", verbosity=0, interactive=False)


def login() -> str:
    """The password of the only user, drawn once and kept in a file that only its owner reads."""
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


def site(port: int) -> str:
    return f"http://127.0.0.1:{port}/admin/"


def welcome(port: int, password: str) -> str:
    return (
        f"\n  djtaskq is at  {site(port)}\n"
        f"  log in as      {USERNAME}\n"
        f"  password       {password}\n\n"
        f"  Its files are in {settings.HOME}; Ctrl-C stops it.\n\n"
    )


def environment(port: int) -> dict[str, str]:
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
