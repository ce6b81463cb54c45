"""Rounds of tasks of every kind, and what each of them is to end with."""

import dataclasses
import uuid
from typing import Any

from celery import chord, group, states

from tests.faults.results import app as tasks


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """How a task is to end: in which state, with which result.

    `result` is the value, or what stands in the error's text.
    """

    state: str
    result: Any = None
    runs: bool = True


class Sender:
    """Sends to whatever broker the app has, and keeps account of it."""

    def __init__(self):
        self.expected = {}
        self.groups = {}
        self.bodies = []
        self.to_be_terminated = []
        self._rounds = 0

    def round(self):
        """Send 40 tasks: 12 plain, 6 in a group, 8 and a body in a chord, failing, retried, long, revoked."""
        self._rounds += 1
        for number in range(12):
            self._send(tasks.double, number)
        for number in range(4):
            self._send(tasks.fail, number, states.FAILURE)
            self._send(tasks.retry_twice, number)
        for number in range(2):
            self._send(tasks.long, number)
            waiting = self._send(tasks.double, number, states.REVOKED, countdown=1)
            tasks.app.control.revoke(waiting)
        self.to_be_terminated.append(self._send(tasks.long, 0, states.REVOKED))
        self._group()
        self._chord()

    def terminate(self, begun):
        """Terminate those of the tasks meant for it that are at work; `begun` as the ledger has it."""
        for task_id in [task_id for task_id in self.to_be_terminated if task_id in begun]:
            self.to_be_terminated.remove(task_id)
            tasks.app.control.revoke(task_id, terminate=True)

    def _send(self, task, number, state=states.SUCCESS, **options):
        task_id = str(uuid.uuid4())
        result = {states.SUCCESS: number * 2, states.FAILURE: f"Broken({number})"}.get(state)
        self.expected[task_id] = Expected(state, result, runs=state != states.REVOKED)
        task.apply_async((number,), task_id=task_id, **options)
        return task_id

    def _group(self):
        members = [tasks.double.si(number).set(task_id=str(uuid.uuid4())) for number in range(6)]
        self._expect(members)
        sent = group(members, app=tasks.app).apply_async()
        sent.save()
        self.groups[sent.id] = [number * 2 for number in range(6)]

    def _chord(self):
        """One chord; every other one has a part that fails, and so a body that does."""
        header = [tasks.double.si(number).set(task_id=str(uuid.uuid4())) for number in range(8)]
        body = tasks.total.s().set(task_id=str(uuid.uuid4()))
        self._expect(header)
        self.expected[body.id] = Expected(states.SUCCESS, 56)
        if self._rounds % 2 == 0:
            header[3] = tasks.fail.si(3).set(task_id=header[3].id)
            self.expected[header[3].id] = Expected(states.FAILURE, "Broken(3)")
            message = f"Dependency {header[3].id} raised Broken(3)"
            self.expected[body.id] = Expected(states.FAILURE, message, runs=False)
        self.bodies.append(body.id)
        chord(header, app=tasks.app)(body)

    def _expect(self, signatures):
        for number, signature in enumerate(signatures):
            self.expected[signature.id] = Expected(states.SUCCESS, number * 2)
