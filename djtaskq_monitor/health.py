"""What a health check tells: of the database, the broker, and of all that registered its vitals."""

import dataclasses
import datetime as dt
import time
from typing import Any

from celery import Celery, current_app
from django.db import DatabaseError, InterfaceError, connections, router
from django.utils import timezone

from djtaskq import vitals
from djtaskq.vitals import Level
from djtaskq_monitor import queries
from djtaskq_monitor.brokers.choosing import asking
from djtaskq_monitor.brokers.figures import BrokerAway, BrokerRefuses
from djtaskq_monitor.models import WorkerState

Answer = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """What is told, and whether it is well."""

    well: bool
    told: Answer


def of_this_process() -> Health:
    """Whether this process can serve pages and send tasks: by its database and its broker."""
    database, broker = _database(), _broker(current_app)
    return Health(database["answers"] and broker["answers"], {"database": database, "broker": broker})


def whole() -> Health:
    """All of it. Not well is what a `Vital` calls bad, and a camera that does not write."""
    first = of_this_process()
    told = first.told
    if not told["database"]["answers"]:
        return first
    now = timezone.now()
    monitor = queries.health()
    told["camera"] = {"running": monitor.cameras, "last_write_age": monitor.last_write}
    told["workers"] = {"online": monitor.workers_online}
    known = vitals.vitals()
    told["vitals"] = {vital.name: _vital(vital, now) for vital in known}
    bad = any(vital.level is Level.BAD for vital in known)
    return Health(first.well and monitor.well and not bad, told)


def _vital(vital: vitals.Vital, now: dt.datetime) -> Answer:
    age = None if vital.since is None else max(0.0, (now - vital.since).total_seconds())
    return {"level": vital.level.name.lower(), "said": str(vital.said), "value": vital.value, "age": age}


def _database() -> Answer:
    began = time.monotonic()
    try:
        connections[router.db_for_read(WorkerState)].ensure_connection()
        WorkerState.objects.order_by().exists()
    except (DatabaseError, InterfaceError) as error:
        return {"answers": False, "problem": type(error).__name__}
    return {"answers": True, "seconds": round(time.monotonic() - began, 4)}


def _broker(app: Celery) -> Answer:
    """Whether a connection to it can be opened, within the bounds of `brokers`."""
    began = time.monotonic()
    try:
        with asking(app) as broker, broker.answering():
            broker.channel  # noqa: B018  asking for it opens it
    except (BrokerAway, BrokerRefuses) as error:
        return {"answers": False, "problem": type(error).__name__}
    return {"answers": True, "seconds": round(time.monotonic() - began, 4)}
