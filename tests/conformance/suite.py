"""Celery's integration suite, from its source distribution, with what it needs in an own environment."""

import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Never committed, and gone with `make clean`.
BUILD = ROOT / "build" / "conformance"
VENV = BUILD / "venv"
PYTHON = VENV / "bin" / "python"
RELEASE = "5.7.0"
SUITE = BUILD / f"celery-{RELEASE}"
# Celery itself is left out: the suite tests the installed one.
KEPT = ("t/", "pyproject.toml")
PACKAGES = (
    f"celery[redis]=={RELEASE}",
    "pydantic>=2",
    # Newer ones collect no class whose name begins in lower case, as all of the suite's do.
    "pytest>=9,<9.1",
    "pytest-timeout>=2.3",
)

FILES = ("test_canvas.py", "test_tasks.py", "test_group_chains.py")
_REDIS_ONLY = "test_tasks.py::test_task_redis_result_backend::"
# They look at the channels that a client of Redis subscribes to or at the keys that its backend keeps, or ask
# for the base class of such backends.
DESELECTED = (
    "test_canvas.py::test_chord::test_simple_chord_with_a_delay_in_group_save",
    "test_canvas.py::test_result_set::test_join_native_timeout_zero_gives_up_on_pending_results",
    "test_canvas.py::test_result_set::test_join_native_timeout_zero_returns_results_that_are_ready",
    "test_canvas.py::test_chord::test_chord_on_error",
    "test_canvas.py::test_group::test_redis_subscribed_channels_leak",
    f"{_REDIS_ONLY}test_ignoring_result_no_subscriptions",
    f"{_REDIS_ONLY}test_asyncresult_forget_cancels_subscription",
    f"{_REDIS_ONLY}test_asyncresult_get_cancels_subscription",
)
# One of them waits ten times for ten seconds that nothing happens.
SECONDS_A_TEST = 300


def prepare() -> None:
    """Download the suite and install what it needs, unless that was done before."""
    BUILD.mkdir(parents=True, exist_ok=True)
    if not SUITE.exists():
        _download()
    wanted = "\n".join(PACKAGES) + (ROOT / "requirements.txt").read_text()
    stamp = VENV / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        _run(sys.executable, "-m", "venv", "--clear", VENV)
        _run(*_pip(PYTHON), "install", *PACKAGES, "-r", ROOT / "requirements.txt")
        stamp.write_text(wanted)


def command(tests: Iterable[str], arguments: Iterable[str] = ()) -> list[str]:
    """How the suite is started in `SUITE`: `tests` as in `FILES`, or single ones by their ids."""
    return [
        *(str(PYTHON), "-m", "pytest", "--quiet", "--tb=short", "--override-ini=addopts="),
        *("-p", "celery.contrib.pytest", "-p", "tests.conformance.plugin", "-p", "no:cacheprovider"),
        f"--timeout={SECONDS_A_TEST}",
        *(f"--deselect=t/integration/{test}" for test in DESELECTED),
        *(f"t/integration/{test}" for test in tests),
        *arguments,
    ]


def environment(backend: str, broker: str, redis_port: int, database: str, report: Path) -> Mapping[str, str]:
    """What the suite and `plugin` read."""
    return {
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DJTASKQ_TEST_POSTGRESQL": database,
        "DJTASKQ_TEST_DATABASE": "default",
        "DJTASKQ_CONFORMANCE_REPORT": str(report),
        "TEST_BROKER": broker,
        "TEST_BACKEND": backend,
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(redis_port),
    }


def _download() -> None:
    source = f"celery=={RELEASE}"
    _run(*_pip(sys.executable), "download", "--no-deps", "--no-binary", "celery", source, "--dest", BUILD)
    with tarfile.open(BUILD / f"celery-{RELEASE}.tar.gz") as archive:
        members = [
            member
            for member in archive.getmembers()
            if member.name.partition("/")[2].startswith(KEPT) and member.isfile()
        ]
        archive.extractall(BUILD, members, filter="data")


def _pip(python: str | Path) -> list[str]:
    return [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)
