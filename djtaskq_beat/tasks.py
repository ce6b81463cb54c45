"""Tasks of beat's own, found by Celery's `autodiscover_tasks`."""

from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from celery import shared_task

from djtaskq_beat.alerting.delivery import deliver
from djtaskq_beat.errors import WebhookRefused


@shared_task(
    name="djtaskq_beat.tasks.deliver_alert",
    autoretry_for=(WebhookRefused, OSError, HTTPException),
    retry_backoff=2,
    retry_backoff_max=600,
    max_retries=12,
    acks_late=True,
    ignore_result=True,
)
def deliver_alert(channel: str, digest: Mapping[str, Any]) -> None:
    """Mail or post a digest of alerts; tried again for about an hour, at growing intervals."""
    deliver(channel, digest)
