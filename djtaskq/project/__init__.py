"""The ready-to-run project: a site, a worker, beat and camera, with tasks that show what the suite does."""

from djtaskq.project.celery import app as celery_app

__all__ = ["celery_app"]
