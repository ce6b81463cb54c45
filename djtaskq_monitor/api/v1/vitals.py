"""Whether everything is all right."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel

from djtaskq.vitals import vitals as known
from djtaskq_monitor.api.tasks import VIEW
from djtaskq_monitor.api.v1.described import operation


class Vital(BaseModel):
    """One thing to look at; `level` is unused, well, warning or bad. Its age counts from `since`."""

    name: str
    level: str
    said: str
    value: float | None
    since: dt.datetime | None


class Vitals(BaseModel):
    vitals: list[Vital]


@operation("GET", "/vitals", VIEW, Vitals)
def vitals(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001  ninja's signature
    """Cameras, workers, queues, beats, results: what the dashboard shows above all."""
    return {
        "vitals": [
            {
                "name": each.name,
                "level": each.level.name.lower(),
                "said": str(each.said),
                "value": each.value,
                "since": each.since,
            }
            for each in known()
        ]
    }
