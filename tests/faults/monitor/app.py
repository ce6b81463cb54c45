"""The Celery app of the cameras here; what differs between scenarios comes from the environment."""

import json
import os

from django.conf import settings

settings.DJTASKQ = json.loads(os.environ.get("FAULTS_SETTINGS", "{}"))

# Late: the app reads the settings.
from tests.integration.monitor.monitorapp import app  # noqa: E402

__all__ = ["app"]
