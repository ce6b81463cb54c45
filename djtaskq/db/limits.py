"""How large a statement a database takes."""

import functools

from django.db import connections

# What a statement holds beside its large values.
_REST = 64 * 1024
_ESCAPED = ('"', "'", "\\", "\n", "\r", "\x1a")


def fits(text: str, using: str) -> bool:
    """Whether one statement may carry `text` as a value.

    MySQL and MariaDB end the connection of who sends more than they take; the others take hundreds of MB.
    """
    most = _most_bytes(using)
    if most is None or 8 * len(text) + _REST < most:
        return True
    escapes = sum(map(text.count, _ESCAPED))
    return len(text.encode()) + escapes + _REST <= most


@functools.cache
def _most_bytes(using: str) -> int | None:
    if connections[using].vendor != "mysql":
        return None
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        return int(cursor.fetchone()[0])
