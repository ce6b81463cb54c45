"""A chord from its first part to its body: each part's result stored and counted, one after the other."""

import functools
import gc
import uuid

from benchmarks import harness


def main() -> None:
    options = harness.arguments(__doc__, size=1_000)
    with harness.database(options.database, broker="redis") as (alias, redis):
        chords = {name: Chord(backend, options.size) for name, backend in _backends(redis).items()}
        medians = harness.compare(
            {name: chord.end for name, chord in chords.items()},
            options.rounds,
            {name: chord.begin for name, chord in chords.items()},
        )
        title = f"A chord of {options.size:,} parts on {options.database}, from its first part to its body"
        harness.report(title, medians, options.size, "parts")
        _report_statements(chords, alias)
        # Results of Redis tell its server when they go, and that goes next.
        chords.clear()
        gc.collect()


def _backends(redis):
    from celery.backends.redis import RedisBackend
    from django_celery_results.backends import DatabaseBackend as Peer

    from djtaskq_results.backends import DatabaseBackend

    return {
        "djtaskq": DatabaseBackend,
        "django-celery-results": Peer,
        "Celery's Redis backend": functools.partial(RedisBackend, url=redis),
    }


class Chord:
    """A chord on one backend, without a worker: what the worker's child calls, and nothing around it."""

    def __init__(self, backend, size):
        from celery import Celery

        self.app = Celery("benchmark", broker="memory://", set_as_current=False)
        self.app.conf.result_extended = True
        self.app._local.backend = self.backend = backend(app=self.app)  # noqa: SLF001  as Celery itself does
        self.size = size

        @self.app.task(name="proj.total", shared=False)
        def total(numbers):
            return sum(numbers)

        self.sent = []
        total.apply_async = lambda args, *_, **__: self.sent.append(args[0])
        self.body = total.s()

    def begin(self):
        self.sent.clear()
        self.group_id = str(uuid.uuid4())
        self.ids = [str(uuid.uuid4()) for _ in range(self.size)]
        members = [self.app.AsyncResult(task_id) for task_id in self.ids]
        self.backend.apply_chord((self.group_id, members), self.body.set(task_id=str(uuid.uuid4())))
        self.backend.set_chord_size(self.group_id, self.size)

    def end(self):
        for index in range(self.size):
            self.bring_back(index)
        assert self.sent == [list(range(self.size))]

    def bring_back(self, index):
        from celery.app.task import Context

        request = Context(
            id=self.ids[index],
            group=self.group_id,
            group_index=index,
            chord=dict(self.body),
            task="proj.part",
            argsrepr="(2, 3)",
            kwargsrepr="{}",
            hostname="w@h",
        )
        self.backend.mark_as_done(self.ids[index], index, request)


def _report_statements(chords, alias):
    """What reaches the database, the bounds of transactions among it."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    print("\n| contender | statements a part | the last part |")
    print("|---|---:|---:|")
    for name, chord in chords.items():
        chord.begin()
        with CaptureQueriesContext(connections[alias]) as first:
            chord.bring_back(0)
        for index in range(1, chord.size - 1):
            chord.bring_back(index)
        with CaptureQueriesContext(connections[alias]) as last:
            chord.bring_back(chord.size - 1)
        print(f"| {name} | {len(first)} | {len(last)} |")


if __name__ == "__main__":
    main()
