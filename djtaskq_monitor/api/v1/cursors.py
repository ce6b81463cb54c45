"""Where the next page begins: a text that means something to the list alone that it came from."""

import base64
import datetime as dt
import json
from typing import Any

from djtaskq.db.text import storable
from djtaskq_monitor.api.errors import bad
from djtaskq_monitor.api.v1.given import YEARS

_LARGEST = 2**63 - 1


def write(of: str, *parts: dt.datetime | str | int) -> str:
    """A cursor of the list `of`, of what tells the place behind its last row."""
    spelled = [each.isoformat() if isinstance(each, dt.datetime) else each for each in parts]
    return base64.urlsafe_b64encode(json.dumps([of, *spelled]).encode()).decode().rstrip("=")


def read(text: str | None, of: str, *kinds: type) -> list[Any] | None:
    """What `write` was given, each of its kind; None for no cursor.

    Raises an `ApiError` for what is no cursor of this list.
    """
    if text is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(found, list) and found[:1] == [of]:
            return [_part(each, kind) for each, kind in zip(found[1:], kinds, strict=True)]
    except (ValueError, RecursionError):
        pass
    raise bad(f"This is no cursor of the list of {of}.")


def _part(value: Any, kind: type) -> Any:
    if kind is dt.datetime and isinstance(value, str):
        at = dt.datetime.fromisoformat(value)
        if at.tzinfo is not None and at.year in YEARS:
            return at
    elif kind is int and type(value) is int and -_LARGEST <= value <= _LARGEST:
        return value
    elif kind is str and isinstance(value, str):
        return storable(value)
    raise ValueError(kind)
