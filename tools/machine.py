"""What is needed from the machine, and how it comes there: apt when we are root, else one sentence."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Debian keeps servers out of an ordinary user's PATH.
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/lib/rabbitmq/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin")

# When set, programs are looked for in these folders (a PATH) and nowhere else.
ONLY_HERE = "DJTASKQ_TEST_PROGRAMS"

POLICY = Path("/usr/sbin/policy-rc.d")
APT = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")


class MissingProgramsError(Exception):
    """Programs that are needed are not on this machine."""


@dataclass(frozen=True)
class Need:
    """Something to be installed: there when all its programs (names, or absolute paths) are."""

    label: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def missing(self) -> bool:
        return any(find(program) is None for program in self.programs)


def find(program: str) -> Path | None:
    """Return the program's path; of several versions in Debian's places the newest."""
    only = os.environ.get(ONLY_HERE)
    if only is None:
        for folder in _places():
            if os.access(folder / program, os.X_OK):
                return folder / program
    found = shutil.which(program, path=only)
    return Path(found).resolve() if found else None


def ensure(needs: Iterable[Need]) -> None:
    """See to it that all of `needs` are there; raise MissingProgramsError with what to do otherwise."""
    missing = [need for need in needs if need.missing]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingProgramsError(sentence(missing))
    install([package for need in missing for package in need.packages])
    if still := [need for need in missing if need.missing]:
        raise MissingProgramsError(sentence(still))


def sentence(missing: Iterable[Need]) -> str:
    missing = list(missing)
    *most, last = [need.label for need in missing]
    labels = f"{', '.join(most)} and {last}" if most else last
    packages = " ".join(package for need in missing for package in need.packages)
    verb = "are" if most else "is"
    return (
        f"{labels} {verb} not installed here: run "
        f"`sudo apt-get install --no-install-recommends {packages}` and try again."
    )


def install(packages: Iterable[str]) -> None:
    """Install Debian packages as root, without starting what they bring."""
    packages = list(packages)
    print(f"Installing {' '.join(packages)} with apt-get.", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(
                [*APT, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode:
                said = done.stdout.decode(errors="replace")[-2000:]
                raise MissingProgramsError(f"apt-get {' '.join(arguments)} failed:\n{said}")


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    # Debian starts a server as it installs it; the tests start their own, so the machine's stays down.
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _places() -> Iterator[Path]:
    for pattern in PLACES:
        matches = Path("/").glob(pattern.lstrip("/"))
        yield from sorted(matches, key=_version, reverse=True)


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]
