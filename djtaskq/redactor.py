"""The redactor as the settings have it."""

import functools

from djtaskq.conf import conf
from djtaskq.redaction import Redactor


def redactor() -> Redactor:
    """What every page, list and file asks before it shows arguments, results or messages."""
    return _made(tuple(conf().REDACT_KEYS))


_made = functools.lru_cache(maxsize=8)(Redactor)
