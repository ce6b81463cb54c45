"""A project whose beat_schedule comes from the environment: each value is a release."""

import json
import os

from celery.signals import beat_init

from tests.integration.beat.app import app

app.conf.beat_schedule = json.loads(os.environ["BEAT_RELEASE"])


@beat_init.connect(weak=False)
def look_often(**_signal):
    from djtaskq_beat import declared  # not before Django's apps are loaded

    declared.LOOK_SECONDS = 0.5
