"""One test of the backend's interface for each serializer and both forms of messages."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

from celery import states
from django_celery_results.backends import DatabaseBackend as PeersBackend
from django_celery_results.models import GroupResult, TaskResult

from tests.contract.results.conftest import SERIALIZERS, protocol_1, protocol_2

STATES = sorted(states.ALL_STATES - {states.IGNORED} | {"PROGRESS"})
VALUE = {"of": ["ü", None, 1.5], "sum": 3}


@dataclasses.dataclass(frozen=True)
class Variant:
    """One serializer and one form of messages; `request_of(task_id, **more)` is a task's request."""

    app: Any
    request_of: Callable[..., Any]

    @property
    def backend(self):
        return self.app.backend

    def read(self, task_id):
        """A task's meta, read anew; the peer's backend must read the same."""
        ours = self.backend.get_task_meta(task_id, cache=False)
        theirs = PeersBackend(self.app).get_task_meta(task_id, cache=False)
        assert comparable(theirs) == comparable({name: ours[name] for name in theirs})
        return ours


def every_variant(test):
    """One test for all variants on a database, since it is the emptying of all tables that takes time."""

    def every(make_app, database, subtests):
        for serializer, request_of in itertools.product(SERIALIZERS, (protocol_1, protocol_2)):
            for model in (TaskResult, GroupResult):
                model.objects.all().delete()
            with subtests.test(serializer=serializer, request_of=request_of.__name__):
                variant = Variant(make_app(serializer), request_of)
                test(variant, variant.app, variant.backend)

    every.__name__ = test.__name__
    return every


def comparable(meta):
    """Two exceptions are equal if they say the same; two results if they are of the same task."""
    result = meta["result"]
    return {**meta, "result": repr(result) if isinstance(result, BaseException) else result}
