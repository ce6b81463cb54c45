"""Out of the house: mail to ADMINS, and a signed POST to the webhook."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.mail import mail_admins

from djtaskq.conf import conf
from djtaskq.opening import opener
from djtaskq_beat.alerting.digest import letter
from djtaskq_beat.errors import WebhookRefused

TIMESTAMP_HEADER = "Djtaskq-Timestamp"
SIGNATURE_HEADER = "Djtaskq-Signature"
SCHEMES = ("http", "https")
_SECONDS = 10.0


def channels() -> list[str]:
    """The names of the ways out that the settings ask for."""
    settings = conf()
    wanted = {
        "mail": settings.BEAT_ALERT_MAIL,
        "webhook": postable(settings.BEAT_ALERT_WEBHOOK) and settings.BEAT_ALERT_SECRET,
    }
    return [name for name, asked_for in wanted.items() if asked_for]


def deliver(channel: str, digest: Mapping[str, Any]) -> None:
    """Send it now; raises `WebhookRefused`, `OSError` or `http.client.HTTPException` where that fails."""
    if channel in channels():  # a message may come after the setting was taken out
        _WAYS[channel](digest)


def postable(url: str | None) -> bool:
    """Whether it is a URL of http or https with a host."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.hostname)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body that is posted at `timestamp`, seconds since the epoch."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _mail(digest: Mapping[str, Any]) -> None:
    subject, text = letter(digest)
    # A line end in a periodic task's name must not become a header.
    mail_admins(" ".join(subject.split()), text)


def _post(digest: Mapping[str, Any]) -> None:
    settings = conf()
    body = json.dumps(digest).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "djtaskq",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: sign(settings.BEAT_ALERT_SECRET or "", timestamp, body),
    }
    request = urllib.request.Request(  # noqa: S310  the opener knows http and https alone
        settings.BEAT_ALERT_WEBHOOK or "", data=body, headers=headers, method="POST"
    )
    try:
        opener().open(request, timeout=_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise WebhookRefused(status=error.code) from None  # the error itself holds a connection


_WAYS: dict[str, Callable[[Mapping[str, Any]], None]] = {"mail": _mail, "webhook": _post}
