"""The monitor in the admin: importing it registers its pages."""

from djtaskq_monitor.admin import cameras, tasks, workers

__all__ = ["cameras", "tasks", "workers"]
