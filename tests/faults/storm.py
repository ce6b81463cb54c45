"""Real beats under load while something goes wrong; afterwards every slot is accounted for."""

import datetime as dt
import json
import random
import signal
import time
from collections import defaultdict

from django.db import connections
from django.db.models import Sum
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq.db.clock import now
from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from tests.faults import ledger
from tests.faults.figures import Figures
from tests.waiting import eventually

APP = "tests.faults.app"
TASK = "tests.noop"
STARTED = "beat: Starting..."
SECOND = dt.timedelta(seconds=1)
# Long enough for a machine that does other things; what is waited for takes seconds.
PATIENCE = 240


class Storm:
    """`alias` is the database to this process; `environment` is what leads beats to it and to the broker.

    `load` schedules run every second, and it lasts `length` seconds.
    """

    def __init__(self, processes, alias, broker, *, load, length, settings, record, **environment):
        self.alias = alias
        self.broker = broker
        ledger.take(broker)  # whatever another test left
        self.beats = []
        self.killed = []
        self._load, self._length, self._record = load, length, record
        self._processes = processes
        self._environment = {
            "DJTASKQ_TEST_BROKER_URL": broker,
            "FAULTS_SETTINGS": json.dumps(settings),
            **environment,
        }

    # What the storm blows over.

    def make(self, **columns):
        """Make the schedules; they begin a few seconds from now, and each of their slots is to run.

        They are spread over the second: beats then meet all the time, instead of once a second.
        """
        interval = IntervalSchedule.objects.get_or_create(every=1, period="seconds")[0]
        first = now(self.alias).replace(microsecond=0) + 2 * SECOND
        PeriodicTask.objects.bulk_create(
            PeriodicTask(
                name=f"task {number}",
                task=TASK,
                interval=interval,
                **{"start_time": first + SECOND * number / self._load, **columns},
            )
            for number in range(self._load)
        )
        pks = list(PeriodicTask.objects.filter(task=TASK).values_list("pk", flat=True))
        RunPolicy.objects.bulk_create(
            RunPolicy(periodic_task_id=pk, catch_up="all", catch_up_limit=1000) for pk in pks
        )
        NextRun.objects.expect(pks, just_made=True)

    # The beats.

    def start(self, count=1, *arguments, wait=True, doomed=False, **environment):
        """Start beats, all at the same time; returns them. Of a doomed one no orderly end is expected."""
        return self._started(
            [
                self._celery("beat", "-S", "djtaskq", "--pidfile=", *arguments, **environment)
                for _ in range(count)
            ],
            wait=wait,
            doomed=doomed,
        )

    def start_workers(self, count, *, wait=True):
        """Start workers, each with a beat inside; they take nothing from the queue that is accounted for."""
        return self._started(
            [
                self._celery(
                    "worker",
                    "-B",
                    "--scheduler=djtaskq",
                    "--concurrency=1",
                    "--queues=elsewhere",
                    "--schedule=unused",
                    f"--hostname=worker{len(self.beats) + number}@%h",
                )
                for number in range(count)
            ],
            wait=wait,
        )

    def _celery(self, *arguments, **environment):
        environment = self._environment | environment
        return self._processes.celery(APP, *arguments, "--loglevel=INFO", environment=environment)

    def _started(self, processes, *, wait, doomed=False):
        self.beats += processes
        self.killed += processes if doomed else []
        if wait:
            for process in processes:
                process.wait_for(STARTED, timeout=60)
        return processes

    @property
    def running(self):
        return [beat for beat in self.beats if beat.running]

    @property
    def working(self):
        """The beats that have begun; before, a signal's handler is not yet there."""
        return [beat for beat in self.running if STARTED in beat.output]

    def kill_one(self):
        """SIGKILL to a beat, if any works just now; another one starts."""
        if beats := self.working:
            self.killed.append(random.choice(beats))
            self.killed[-1].kill()
            self.start(wait=False)

    # The weather.

    def blow(self, every=1, fault=None):
        """Let it blow: `fault()` every so many seconds, once the first runs are out."""
        eventually(lambda: TaskRun.objects.filter(state="published").exists(), timeout=PATIENCE)
        began = time.monotonic()
        while (left := began + self._length - time.monotonic()) > 0:
            time.sleep(min(every, left))  # a storm lasts: nothing is waited for
            if fault is not None:
                fault()

    # The reckoning.

    def settle(self):
        """Wait until every slot up to now is out, end the schedules, and stop the beats."""
        connections[self.alias].close()  # the storm may have broken it
        for beat in self.running:
            if beat not in self.killed:
                beat.wait_for(STARTED, timeout=60)
        until = now(self.alias)
        claimed = TaskRun.objects.filter(state="claimed")
        behind = NextRun.objects.filter(periodic_task__task=TASK).exclude(slot__gt=until)
        eventually(lambda: not behind.exists(), timeout=PATIENCE, interval=0.2, message=self._said)
        PeriodicTask.objects.update(enabled=False)
        NextRun.objects.mark_changed()
        waiting = NextRun.objects.filter(run_at__isnull=False)
        eventually(
            lambda: not waiting.exists() and not claimed.exists(),
            timeout=PATIENCE,
            interval=0.2,
            message=self._said,
        )
        self._end()
        return until

    def _end(self):
        """SIGTERM to every beat: a clean end is exit code 0, and no traceback at any time before."""
        for beat in self.beats:
            beat.signal(signal.SIGTERM)
        codes = {beat.log.name: beat.wait(60) for beat in self.beats if beat not in self.killed}
        assert not any(codes.values()), codes
        for beat in self.beats:
            assert "Traceback" not in beat.output, beat.output.partition("Traceback")[2][:4000]

    def reckon(self, scenario):
        """Settle, and account for every slot: each published, under one id, none missed.

        Returns the messages. To be called with as many beats as ran on the whole.
        """
        beats = len(self.running)
        until = self.settle()
        sent = ledger.take(self.broker)
        ids = defaultdict(set)
        for message in sent:
            ids[message.name, message.slot].add(message.id)
        assert [key for key, values in ids.items() if len(values) > 1] == []
        columns = ("name", "slot", "state", "task_id", "published_at")
        runs = {(run[0], run[1]): run[2:] for run in TaskRun.objects.values_list(*columns).iterator()}
        assert [(key, state) for key, (state, *_) in runs.items() if state != "published"] == []
        assert {key: {str(task_id)} for key, (_, task_id, *_) in runs.items()} == ids
        tasks = list(PeriodicTask.objects.filter(task=TASK))
        slots = defaultdict(list)
        for name, slot in sorted(runs):
            slots[name].append(slot)
        for task in tasks:
            _whole(slots[task.name], task, until)
        counted = PeriodicTask.objects.aggregate(total=Sum("total_run_count"))["total"]
        first = min(slot for _, slot in runs)
        self._record(
            Figures(
                scenario=scenario,
                schedules=len(tasks),
                beats=beats,
                killed=len(self.killed),
                seconds=(until - first).total_seconds(),
                runs=len(runs),
                repeats=len(sent) - len(runs),
                lateness=[(run[-1] - slot).total_seconds() for (_, slot), run in runs.items()],
                uncounted=len(runs) - counted,
            )
        )
        return sent

    def _said(self):
        behind = NextRun.objects.order_by("run_at").values_list("slot", "run_at", "error")[:3]
        claimed = TaskRun.objects.filter(state="claimed").count()
        said = "\n".join(beat.output[-1500:] for beat in self.running)
        return f"{claimed} claimed, next {list(behind)}; the beats said:\n{said}"


def _whole(slots, task, until):
    """Every slot of the task's grid is there, from the first one on to the end of the storm."""
    assert slots, task.name
    first = task.start_time or slots[0]
    assert slots == [first + number * SECOND for number in range(len(slots))], task.name
    assert slots[-1] + SECOND > until, task.name
