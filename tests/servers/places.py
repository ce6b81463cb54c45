"""Where programs are on this machine, and which ports are free."""

import os
import pwd
import random
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

# Debian keeps servers out of an ordinary user's PATH.
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/lib/rabbitmq/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin")

# When set, programs are looked for in these folders (a PATH) and nowhere else.
ONLY_HERE = "DJTASKQ_TEST_SERVER_PATH"

# Below the range from which Linux takes the ports of outgoing connections, so that none of those takes
# a port between our choosing it and the server's binding it.
PORTS = range(15_000, 32_000)


def find(program: str) -> Path | None:
    """Return the program's path; of several versions in Debian's places the newest."""
    only = os.environ.get(ONLY_HERE)
    if only is None:
        for folder in _places():
            if os.access(folder / program, os.X_OK):
                return folder / program
    found = shutil.which(program, path=only)
    return Path(found).resolve() if found else None


def _places() -> Iterator[Path]:
    for pattern in PLACES:
        matches = Path("/").glob(pattern.lstrip("/"))
        yield from sorted(matches, key=_version, reverse=True)


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def free_port() -> int:
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1")


def account(*names: str) -> pwd.struct_passwd | None:
    """Return whom a server runs as when we are root (the first name this machine knows); else None."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next((known[name] for name in (*names, "nobody") if name in known), None)
