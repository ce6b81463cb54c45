"""The demo's tasks: real work, chosen so that each shows something of the suite."""

import datetime as dt
import hashlib
import importlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery import Task, chord, shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.core.management import call_command
from django.utils import timezone

PROGRESS_EVERY = 50


@shared_task
def clear_sessions() -> None:
    """Django's own housekeeping."""
    call_command("clearsessions")


@shared_task(bind=True)
def count_lines(self: "Task[Any, Any]", package: str) -> dict[str, Any]:
    """Count the lines of an installed package's sources, telling how far it has come."""
    files = list(_sources(package))
    lines = 0
    for number, file in enumerate(files, start=1):
        lines += len(file.read_bytes().splitlines())
        if number % PROGRESS_EVERY == 0:
            self.update_state(state="PROGRESS", meta={"current": number, "total": len(files)})
    return {"package": package, "files": len(files), "lines": lines}


@shared_task
def rank_packages(counted: list[dict[str, Any]]) -> list[str]:
    """The body of the chord: the packages, longest first."""
    ranked = sorted(counted, key=lambda count: count["lines"], reverse=True)
    return [f"{count['package']}: {count['lines']:,} lines" for count in ranked]


@shared_task
def compare_packages(packages: list[str]) -> str:
    """A group with a chord over it: count each package, then rank them all."""
    result = chord(count_lines.s(package) for package in packages)(rank_packages.s())
    return str(result.id)


@shared_task(bind=True)
def verify_checksums(self: "Task[Any, Any]", package: str, rounds: int = 1) -> str:
    """A slow one: the SHA-256 of every source file, as many times as asked, telling how far it has come."""
    digest = hashlib.sha256()
    for done in range(rounds):
        meta = {"current": done, "total": rounds, "description": f"round {done + 1} over {package}"}
        self.update_state(state="PROGRESS", meta=meta)
        for file in _sources(package):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@shared_task
def total_prices(lines: list[str]) -> float:
    """Add up a price list; a line that is no price ends it with a traceback."""
    return sum(_price(line) for line in lines)


@shared_task(bind=True, autoretry_for=(OSError,), max_retries=2, default_retry_delay=5, retry_backoff=False)
def check_site(self: "Task[Any, Any]", url: str) -> str:
    """Ask a web page how it is; tried again while nobody answers."""
    request = urllib.request.Request(url, headers={"User-Agent": "djtaskq demo"})  # noqa: S310  see below
    if request.type not in {"http", "https"}:
        raise ValueError(f"{url!r} is no web address")
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310  web addresses only
        return f"{response.status} at attempt {self.request.retries + 1}"


@shared_task
def send_digest(recipient: str) -> str:
    """One on a second queue: a mail, which the demo keeps as a file below DJTASKQ_HOME."""
    today: dt.date = timezone.localdate()
    send_mail("Digest", f"All is well on {today:%A}.", settings.DEFAULT_FROM_EMAIL, [recipient])
    return recipient


def _sources(package: str) -> Iterator[Path]:
    file = importlib.import_module(package).__file__
    if file is None:
        raise ValueError(f"{package!r} has no folder of its own")
    yield from sorted(Path(file).parent.rglob("*.py"))


def _price(line: str) -> float:
    name, _, price = line.rpartition(" ")
    if not name:
        raise ValueError(f"no price in {line!r}")
    return float(price)
