"""Python values as text in a column and back, in the form that django-celery-results writes."""

import base64
import functools
from collections.abc import Collection
from typing import Any, NamedTuple

from kombu.serialization import dumps, loads
from kombu.utils.encoding import bytes_to_str, ensure_bytes

BINARY = "binary"
_SHORT = 1_000
_PLAIN = frozenset({bool, int, str, type(None)})


class Content(NamedTuple):
    """A serialised value: its MIME type, its encoding (base64 stands behind `binary`), its text."""

    type: str
    encoding: str
    text: str


def packed(value: Any, serializer: str) -> Content:
    """`value` in kombu's `serializer`; raises kombu's EncodeError for what it cannot write."""
    if value.__class__ in _PLAIN and (value.__class__ is not str or len(value) <= _SHORT):
        return _packed_before(value, serializer)
    return _packed(value, serializer)


def _packed(value: Any, serializer: str) -> Content:
    content_type, encoding, payload = dumps(value, serializer=serializer)
    text = base64.b64encode(ensure_bytes(payload)) if encoding == BINARY else payload
    return Content(content_type, encoding, bytes_to_str(text))


# A task's arguments come as text with each of its states, and most tasks return the same as the last time.
_packed_before = functools.lru_cache(maxsize=256, typed=True)(_packed)


def unpacked(content: Content, accept: Collection[str]) -> Any:
    """The value again, whatever serializer wrote it, as long as `accept` (MIME types) has that one.

    Raises kombu's ContentDisallowed for others, and DecodeError for text that is broken.
    """
    payload: str | bytes = content.text
    if content.encoding == BINARY:
        payload = base64.b64decode(content.text)
    return loads(payload, content.type, content.encoding, accept=accept)
