"""Real workers under load while something goes wrong; afterwards every task is accounted for."""

import itertools
import json
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from celery import states
from celery.exceptions import Reject
from django.db import connections
from django_celery_results.models import ChordCounter, TaskResult
from redis import Redis

from djtaskq_results.models import Chord, ChordPart
from tests.faults.results import app as tasks
from tests.faults.results.figures import Figures
from tests.faults.results.ledger import Ledger
from tests.faults.results.sending import Sender
from tests.waiting import eventually

APP = "tests.faults.results.app"
# Long enough for a machine that does other things; what is waited for takes seconds.
PATIENCE = 240
CHORDS = (ChordCounter, Chord, ChordPart)


class Storm:
    """`rounds` rounds of 40 tasks are sent over `length` seconds; `environment` leads workers to all servers.

    `broker` is the URL of an empty one.
    """

    def __init__(self, processes, ledger, broker, *, rounds, length, record, **environment):
        self.ledger = Ledger(ledger)
        self.sender = Sender()
        self.workers = []
        self.counts = {"crashes": 0, "sessions": 0, "children": 0, "clients": 0, "lost": 0, "restarted": 0}
        self._redis = Redis.from_url(broker)
        self._rounds, self._length, self._record = rounds, length, record
        self._processes = processes
        self._environment = {
            "DJTASKQ_TEST_BROKER_URL": broker,
            **environment,
        }
        connect(broker)

    def start(self, count, *arguments):
        """Start workers, and wait until they take tasks; returns them."""
        self._arguments = arguments or ("--concurrency=2",)
        self.workers = [self._start(number) for number in range(count)]
        for worker in self.workers:
            worker.wait_for(" ready.", timeout=60)
        return self.workers

    def _start(self, number):
        arguments = ("worker", "--loglevel=INFO", f"--hostname=worker{number}@%h", *self._arguments)
        return self._processes.celery(APP, *arguments, environment=self._environment)

    def _supervise(self):
        """Start those again that ended, as a supervisor does.

        A loss of the broker and of a child together may end a worker with “file descriptor is None”.
        """
        for number, worker in enumerate(self.workers):
            if not worker.running:
                self.counts["restarted"] += 1
                self.workers[number] = self._start(number)

    # The weather.

    def blow(self, faults=(), *, every=0.5):
        """Send all rounds; meanwhile one of `faults` after the other, every so many seconds."""
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._send)
            for fault in itertools.cycle(faults):
                time.sleep(every)  # a storm lasts: nothing is waited for
                self._supervise()
                self._terminate()
                if sending.done():
                    break
                fault()
            sending.result()
        self._terminate()

    def _send(self):
        try:
            for _ in range(self._rounds):
                self.sender.round()
                time.sleep(self._length / self._rounds)
        finally:
            connections.close_all()

    def _terminate(self):
        self.sender.terminate({task_id for what, task_id, _ in self.ledger.entries() if what == "began"})

    def kill_a_child(self):
        """SIGKILL to one process of a worker's pool."""
        self._supervise()
        worker = random.choice(self.workers)
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        if children:
            self.counts["children"] += 1
            with suppress(ProcessLookupError):
                os.kill(int(random.choice(children)), signal.SIGKILL)

    # The reckoning.

    def reckon(self, scenario):
        """Wait until all has ended, end the workers, and account for every task, group and chord."""
        connections.close_all()  # the storm may have broken them
        began = time.monotonic()
        eventually(self._all_ended, timeout=PATIENCE, interval=0.2, message=self._said)
        settled = time.monotonic() - began
        for worker in self.workers:
            worker.wait_for(" ready.", timeout=60)
            worker.signal(signal.SIGTERM)
        assert [worker.wait(60) for worker in self.workers] == [0] * len(self.workers)
        entries = self.ledger.entries()
        rows = {row.task_id: row for row in self._rows()}
        wrong = {
            task_id: (expected, rows[task_id].status, tasks.app.backend.get_result(task_id))
            for task_id, expected in self.sender.expected.items()
            if not self._right(task_id, expected, rows[task_id].status, entries)
        }
        assert not wrong, wrong
        for group_id, values in self.sender.groups.items():
            assert tasks.app.GroupResult.restore(group_id, app=tasks.app).get(timeout=5) == values
        assert not any(model.objects.exists() for model in CHORDS)
        self._record(
            Figures(
                scenario=scenario,
                workers=len(self.workers),
                tasks=len(self.sender.expected),
                chords=len(self.sender.bodies),
                repeats=sum(count - 1 for (what, *_), count in entries.items() if what == "began"),
                settled=settled,
                **self.counts,
            )
        )

    def _all_ended(self):
        self._supervise()
        # As beat does each night: it finishes the chords whose finisher died.
        tasks.app.backend.cleanup()
        missing = self.sender.expected.keys() - {row.task_id for row in self._rows()}
        if missing:
            self._send_again(missing)
            return False
        return not any(model.objects.exists() for model in CHORDS)

    def _send_again(self, missing):
        """Send again what the broker lost: Redis has handed it to a connection that was ended just then.

        No worker ever had it: the broker holds nothing any more, and the message's attempt has not begun.
        """
        if self._redis.llen("celery") or self._redis.hlen("unacked"):
            return
        entries, messages = self.ledger.entries(), self.ledger.messages()
        for task_id in missing & messages.keys():
            attempt = json.loads(messages[task_id])[1]["retries"]
            if ("began", task_id, str(attempt)) not in entries:
                self.counts["lost"] += 1
                tasks.send_again(messages[task_id])

    def _rows(self):
        ready = TaskResult.objects.filter(status__in=states.READY_STATES)
        return [row for row in ready.only("task_id", "status") if row.task_id in self.sender.expected]

    def _right(self, task_id, expected, state, entries):
        """Whether a task ended as it was to, and as the ledger says it did."""
        runs = ("began", task_id, "0") in entries
        if expected.state == states.REVOKED:
            # If the ledger has its end, it may have been quicker.
            return state == states.REVOKED or (state == states.SUCCESS and ("ended", task_id, "0") in entries)
        result = tasks.app.backend.get_result(task_id)
        if isinstance(result, Reject):
            # Celery could not send its retry, on a connection that had just been ended, and gave it up.
            self.counts["lost"] += 1
            return not any(key[:2] == ("ended", task_id) for key in entries)
        if expected.state == states.FAILURE:
            result = repr(result) if expected.runs else str(result)
        return (state, result, runs) == (expected.state, expected.result, expected.runs)

    def _said(self):
        rows = dict(TaskResult.objects.values_list("task_id", "status"))
        missing = [
            (task_id, expected, rows.get(task_id))
            for task_id, expected in self.sender.expected.items()
            if rows.get(task_id) not in states.READY_STATES
        ]
        entries = [key for key in self.ledger.entries() if key[1] in {each[0] for each in missing[:3]}]
        chords = list(ChordCounter.objects.values_list("group_id", "count"))
        claims = list(Chord.objects.values_list("group_id", "claimed_until"))
        said = "\n".join(worker.output[-3000:] for worker in self.workers)
        return f"{[missing[:9], entries, chords, claims]}; the workers said:\n{said}"


def connect(broker):
    """Have this process's app send to `broker`."""
    app = tasks.app
    app.conf.broker_url = broker
    # What was made for the broker of the test before.
    app._pool = None
    vars(app).pop("amqp", None)
