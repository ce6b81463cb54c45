"""`manage.py check` says what alerts lack to get out of the house."""

import pytest

from djtaskq_beat.alerting.checks import check_alerts

URL = "https://example.org/alerts"


def ids():
    return [message.id for message in check_alerts(None)]


def test_by_default_there_is_nothing_to_say(settings):
    settings.DJTASKQ = {}
    assert ids() == []


def test_a_webhook_with_its_secret_is_well(settings):
    settings.DJTASKQ = {"BEAT_ALERT_WEBHOOK": URL, "BEAT_ALERT_SECRET": "s"}
    assert ids() == []


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://example.org", "file:///etc/passwd", "https://", "http://["]
)
def test_a_webhook_is_a_url_of_http(url, settings):
    settings.DJTASKQ = {"BEAT_ALERT_WEBHOOK": url, "BEAT_ALERT_SECRET": "s"}
    assert ids() == ["djtaskq_beat.E005"]


@pytest.mark.parametrize("secret", [None, ""])
def test_a_webhook_needs_a_secret(secret, settings):
    settings.DJTASKQ = {"BEAT_ALERT_WEBHOOK": URL, "BEAT_ALERT_SECRET": secret}
    assert ids() == ["djtaskq_beat.E006"]


@pytest.mark.parametrize(
    ("admins", "said"), [([], ["djtaskq_beat.W004"]), ([("Ada", "ada@example.org")], [])]
)
def test_mail_needs_admins(admins, said, settings):
    settings.DJTASKQ = {"BEAT_ALERT_MAIL": True}
    settings.ADMINS = admins
    assert ids() == said


def test_a_value_that_cannot_be_used_is_left_to_its_own_check(settings):
    settings.DJTASKQ = {"BEAT_ALERT_WEBHOOK": 7}
    assert ids() == []
