"""As tests.settings, with a camera that asks for the queues every second."""

from tests.settings import *  # noqa: F403

DJTASKQ = {"MONITOR_QUEUES_SECONDS": 1, "MONITOR_QUEUES": ["nobody"]}
