"""The monitor in the admin: importing it registers its pages."""

from djtaskq_monitor.admin import cameras, dashboard, names, queues, tasks, tokens, workers

__all__ = ["cameras", "dashboard", "names", "queues", "tasks", "tokens", "workers"]
