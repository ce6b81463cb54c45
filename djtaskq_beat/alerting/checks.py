"""System checks of what alerts need to get out of the house."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from djtaskq.conf import InvalidSetting, conf
from djtaskq_beat.alerting.delivery import postable


def check_alerts(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    try:
        return list(_problems())
    except InvalidSetting:
        return []  # reported as djtaskq.E003


def _problems() -> Iterator[checks.CheckMessage]:
    url = conf().BEAT_ALERT_WEBHOOK
    if url is not None and not postable(url):
        yield checks.Error(
            "DJTASKQ['BEAT_ALERT_WEBHOOK'] is no URL that can be posted to.",
            hint="Write it with its scheme, as in https://example.org/alerts; only http and https are taken.",
            id="djtaskq_beat.E005",
        )
    if url is not None and not conf().BEAT_ALERT_SECRET:
        yield checks.Error(
            "DJTASKQ has BEAT_ALERT_WEBHOOK without BEAT_ALERT_SECRET: nothing is posted unsigned.",
            hint="Set BEAT_ALERT_SECRET to a long random text that the receiver knows too.",
            id="djtaskq_beat.E006",
        )
    if conf().BEAT_ALERT_MAIL and not settings.ADMINS:
        yield checks.Warning(
            "DJTASKQ['BEAT_ALERT_MAIL'] is True and ADMINS is empty: alerts are mailed to nobody.",
            hint="Name the recipients in ADMINS, or set BEAT_ALERT_MAIL to False.",
            id="djtaskq_beat.W004",
        )
