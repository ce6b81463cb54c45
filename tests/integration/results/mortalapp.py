"""As resultsapp; but who finishes a chord is killed on the way, once at each place that a test names.

`DJTASKQ_TEST_DEATHS` is a folder with a file for each place; a file is taken away before the kill.
"""

import datetime as dt
import os
import signal
from pathlib import Path

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
settings.DJTASKQ = {"RESULTS_CHORD_SWEEP_SECONDS": 0.5}
django.setup()

from djtaskq_results import chords  # noqa: E402  Django must be set up
from tests.integration.results.resultsapp import app  # noqa: E402  as above

__all__ = ["app"]

DEATHS = Path(os.environ["DJTASKQ_TEST_DEATHS"])
chords.LEASE = dt.timedelta(seconds=1)


def _mortal(name):
    work = getattr(chords, name)

    def wrapped(*args):
        place = DEATHS / name
        if place.exists():
            place.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args)

    setattr(chords, name, wrapped)


for place in ("claim", "parts", "end"):
    _mortal(place)
