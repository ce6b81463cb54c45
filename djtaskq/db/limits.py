"""How large a statement a database takes."""

import functools
from collections.abc import Collection

from django.db import connections

# What a statement holds beside its large values.
_REST = 64 * 1024
_ESCAPED = ('"', "'", "\\", "\n", "\r", "\x1a")


def fits(texts: Collection[str], using: str) -> bool:
    """Whether one statement may carry `texts` as values.

    MySQL and MariaDB end the connection of who sends more than they take; the others take hundreds of MB.
    """
    most = _most_bytes(using)
    if most is None or 8 * sum(map(len, texts)) + _REST < most:
        return True
    escapes = sum(text.count(escaped) for text in texts for escaped in _ESCAPED)
    return sum(len(text.encode()) for text in texts) + escapes + _REST <= most


@functools.cache
def _most_bytes(using: str) -> int | None:
    if connections[using].vendor != "mysql":
        return None
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        return int(cursor.fetchone()[0])
