"""Tokens: made, shown once, and known again by their digest.

A token is 32 random bytes, so a plain hash keeps it: there is nothing to guess that is worth the time.
"""

import datetime as dt
import hashlib
import secrets
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from djtaskq_monitor.models import ApiToken

BEGINS = "djtaskq"
_KEY_BYTES, _SECRET_BYTES = 6, 32
# Its last use is told to the minute: to write it with each request would cost more than to answer.
_TOLD_EVERY = dt.timedelta(minutes=1)


class Made(NamedTuple):
    """What a new row needs, and the text that nobody can read from it again."""

    text: str
    key: str
    digest: str


def make() -> Made:
    key = secrets.token_hex(_KEY_BYTES)
    text = f"{BEGINS}_{key}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return Made(text, key, digest_of(text))


def issue(user: Any, name: str, scope: str, *, expires: dt.datetime | None = None) -> tuple[str, ApiToken]:
    """A new token of this user: its text, and its row."""
    made = make()
    row = ApiToken.objects.create(
        user=user, name=name, scope=scope, expires=expires, key=made.key, digest=made.digest
    )
    return made.text, row


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def found(text: str) -> ApiToken | None:
    """The row of this token, whether it opens anything still or not; None for what is no token of ours.

    Who guesses learns nothing from the time it takes: there is one comparison in any case.
    """
    begins, _, rest = text.partition("_")
    key = rest.partition("_")[0]
    known = len(key) == 2 * _KEY_BYTES and key.isalnum() and key.isascii() and begins == BEGINS
    row = ApiToken.objects.select_related("user").filter(key=key).first() if known else None
    same = constant_time_compare(digest_of(text), row.digest if row else digest_of(""))
    return row if row is not None and same else None


def tell_used(row: ApiToken) -> None:
    now = timezone.now()
    if row.used is None or now - row.used >= _TOLD_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(used=now)


def revoke(row: ApiToken) -> None:
    ApiToken.objects.filter(pk=row.pk, revoked=None).update(revoked=timezone.now())
