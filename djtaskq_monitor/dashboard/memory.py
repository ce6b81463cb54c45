"""What many viewers ask for at once, worked out once for all of them in this process."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

SECONDS = 2.0
_MOST = 64

_Found = TypeVar("_Found")
_known: dict[Hashable, tuple[float, Any]] = {}
_lock = threading.Lock()


def remembered(key: Hashable, make: Callable[[], _Found], *, renew: bool = False) -> _Found:
    """What `make` gave less than `SECONDS` ago under the same key, in any thread; else what it gives now.

    Two that ask at the same time may both work it out: nobody waits for another's statement.
    """
    known = _known.get(key)
    if known is not None and not renew and time.monotonic() - known[0] < SECONDS:
        found: _Found = known[1]
        return found
    made = make()
    with _lock:
        _known.pop(key, None)
        _known[key] = time.monotonic(), made
        while len(_known) > _MOST:
            del _known[next(iter(_known))]
    return made


def forget() -> None:
    with _lock:
        _known.clear()
