"""Families of our own: how beats, schedules, cameras, results and all that tells of itself stand."""

import datetime as dt
from collections.abc import Iterable

from djtaskq.vitals import Vital
from djtaskq_monitor.metrics.text import GAUGE, Family, labels


def families(vitals: Iterable[Vital], now: dt.datetime) -> Iterable[Family]:
    level = Family("djtaskq_vital_level", GAUGE, "How it stands: 0 unused, 1 well, 2 warning, 3 bad.")
    value = Family("djtaskq_vital", GAUGE, "Its figure; docs/metrics.md tells what each one counts.")
    age = Family("djtaskq_vital_age_seconds", GAUGE, "How long ago it last gave a sign.")
    for vital in vitals:
        labelled = labels(name=vital.name)
        level.add(labelled, int(vital.level))
        if vital.value is not None:
            value.add(labelled, vital.value)
        if vital.since is not None:
            age.add(labelled, max(0.0, (now - vital.since).total_seconds()))
    return level, value, age
