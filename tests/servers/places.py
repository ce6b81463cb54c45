"""What this machine offers to a server: free ports, and a user to run as."""

import os
import pwd
import random
import socket

# Below the range from which Linux takes the ports of outgoing connections, so that none of those takes
# a port between our choosing it and the server's binding it.
PORTS = range(15_000, 32_000)


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
