"""What the tests need from the machine, and how it comes there: apt when we are root, else one sentence."""

import contextlib
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.places import find

POLICY = Path("/usr/sbin/policy-rc.d")
APT = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True)
class Need:
    label: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def missing(self) -> bool:
        return any(find(program) is None for program in self.programs)

    def sentence(self) -> str:
        return sentence([self])


BROWSER = Need("Chromium with its driver", ("chromium", "chromedriver"), ("chromium", "chromium-driver"))

# mysqlclient comes as source only.
DRIVERS = (
    Need("MariaDB's client library", ("mariadb_config",), ("libmariadb-dev",)),
    Need("pkg-config", ("pkg-config",), ("pkg-config",)),
    Need("a C compiler", ("cc",), ("gcc", "libc6-dev")),
)


class MissingProgramsError(Exception):
    """Programs that the tests need are not on this machine."""


def sentence(missing: Iterable[Need]) -> str:
    missing = list(missing)
    *most, last = [need.label for need in missing]
    labels = f"{', '.join(most)} and {last}" if most else last
    packages = " ".join(package for need in missing for package in need.packages)
    verb = "are" if most else "is"
    return (
        f"The tests need {labels}, which {verb} not installed here: run "
        f"`sudo apt-get install --no-install-recommends {packages}` and try again."
    )


def ensure(needs: Iterable[Need]) -> None:
    """See to it that all of `needs` are there; raise MissingProgramsError with what to do otherwise."""
    missing = [need for need in needs if need.missing]
    if not missing:
        return
    if os.geteuid() != 0 or find("apt-get") is None:
        raise MissingProgramsError(sentence(missing))
    _install([package for need in missing for package in need.packages])
    if still := [need for need in missing if need.missing]:
        raise MissingProgramsError(sentence(still))


def _install(packages: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(
                [*APT, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
            if done.returncode:
                said = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
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
