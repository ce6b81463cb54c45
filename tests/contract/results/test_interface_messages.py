"""Real messages of both protocols, run by Celery's own tracer: what a task's request makes of a row."""

import itertools
import uuid
from queue import Empty

import pytest
from celery import chain, chord, group, states
from celery.exceptions import ChordError
from celery.worker.request import Request
from celery.worker.strategy import proto1_to_proto2
from django_celery_results.backends import DatabaseBackend as PeersBackend
from django_celery_results.models import ChordCounter, GroupResult, TaskResult
from kombu.serialization import prepare_accept_content

from djtaskq_results.models import Chord, ChordPart
from tests.contract.results.conftest import SERIALIZERS

TABLES = (TaskResult, GroupResult, ChordCounter, Chord, ChordPart)


class Worker:
    """Runs, in this thread, what is in the queue of its app until nothing is left."""

    def __init__(self, app):
        self.app = app

    def run(self):
        with self.app.connection_for_read() as connection:
            queue = connection.SimpleQueue(self.app.conf.task_default_queue)
            while True:
                try:
                    message = queue.get(block=False)
                except Empty:
                    return
                message.accept = prepare_accept_content(self.app.conf.accept_content)
                message.ack()
                self._request(message).execute()

    def _request(self, message):
        if self.app.conf.task_protocol == 2:
            return Request(message, app=self.app, hostname="worker@host")
        body, headers, decoded, utc = proto1_to_proto2(message, message.payload)
        parts = {"body": body, "headers": headers, "decoded": decoded, "utc": utc}
        return Request(message, app=self.app, hostname="worker@host", **parts)


def every_message(test):
    """One test for every serializer and protocol on a database; each begins with empty tables."""

    def every(make_app, database, subtests):
        for serializer, protocol in itertools.product(SERIALIZERS, (1, 2)):
            for model in TABLES:
                model.objects.all().delete()
            with subtests.test(serializer=serializer, protocol=protocol):
                app = make_app(
                    serializer,
                    task_protocol=protocol,
                    # YAML's safe form takes no signatures, which a chain's messages carry.
                    task_serializer="json" if serializer == "yaml" else serializer,
                    task_default_queue=str(uuid.uuid4()),
                    task_track_started=True,
                )
                _add_tasks(app)
                test(app, Worker(app))

    every.__name__ = test.__name__
    return every


def _add_tasks(app):
    @app.task(name="proj.add", shared=False)
    def add(x, y=0):
        return x + y

    @app.task(name="proj.fail", shared=False)
    def fail(text):
        raise ValueError(text)

    @app.task(name="proj.total", shared=False)
    def total(numbers):
        return sum(numbers)

    @app.task(name="proj.stubborn", bind=True, shared=False)
    def stubborn(self):
        if self.request.retries < 2:
            raise self.retry(countdown=0)
        return self.request.retries

    @app.task(name="proj.ignored", ignore_result=True, shared=False)
    def ignored(x):
        return x


def add(app, *arguments, **options):
    return app.signature("proj.add", arguments, app=app, **options)


def row(result):
    return TaskResult.objects.get(task_id=result.id)


@every_message
def test_a_task_succeeds(app, worker):
    result = add(app, 2, kwargs={"y": 3}).delay()
    assert result.state == states.PENDING
    worker.run()
    assert (result.get(timeout=5), result.state) == (5, states.SUCCESS)
    assert (result.name, result.worker) == ("proj.add", "worker@host")
    # The peer's backend names what it reads as its columns.
    theirs = PeersBackend(app).get_task_meta(result.id)
    ours = app.backend.get_task_meta(result.id)
    assert theirs == {name: ours[name] for name in theirs}
    assert theirs["task_args"] in {"(2,)", "[2]"}  # lists come back as what the serializer makes of them
    assert theirs["task_kwargs"] == "{'y': 3}"
    assert row(result).date_started is not None


@every_message
def test_a_task_fails(app, worker):
    result = app.signature("proj.fail", ("no",), app=app).delay()
    worker.run()
    with pytest.raises(ValueError, match="no"):
        result.get(timeout=5)
    assert "ValueError: no" in result.traceback
    assert "ValueError: no" in PeersBackend(app).get_task_meta(result.id)["traceback"]


@every_message
def test_a_task_is_tried_again(app, worker):
    result = app.signature("proj.stubborn", app=app).delay()
    worker.run()
    assert result.get(timeout=5) == 2


@every_message
def test_a_chain_leaves_its_parents(app, worker):
    result = chain(add(app, 1, 1), add(app, 1), app=app).delay()
    worker.run()
    assert (result.get(timeout=5), result.parent.get(timeout=5)) == (3, 2)
    assert [child.id for child in app.AsyncResult(result.parent.id).children] == [result.id]


@every_message
def test_a_group_is_joined_and_saved(app, worker):
    result = group([add(app, number, number) for number in range(5)], app=app).delay()
    result.save()
    worker.run()
    assert result.get(timeout=5) == [0, 2, 4, 6, 8]
    assert app.GroupResult.restore(result.id).get(timeout=5) == [0, 2, 4, 6, 8]


@every_message
def test_a_chord_ends(app, worker):
    total = app.signature("proj.total", app=app)
    header = [*[add(app, number) for number in range(4)], app.signature("proj.ignored", (4,), app=app)]
    result = chord(header, app=app)(total)
    worker.run()
    assert result.get(timeout=5) == 10
    assert not any(model.objects.exists() for model in (ChordCounter, Chord, ChordPart))


@every_message
def test_a_chord_fails_with_its_part(app, worker):
    total = app.signature("proj.total", app=app)
    result = chord([add(app, 1), app.signature("proj.fail", ("no",), app=app)], app=app)(total)
    worker.run()
    with pytest.raises(ChordError, match=r"Dependency .* raised ValueError\('no'\)"):
        app.AsyncResult(result.id).get(timeout=5)
    assert not any(model.objects.exists() for model in (ChordCounter, Chord, ChordPart))
