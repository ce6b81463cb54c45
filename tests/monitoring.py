"""Celery's events for tests: a task's life as workers tell it, and anything at all."""

import itertools
import random
import uuid

from hypothesis import strategies as st

NOW = 1_790_000_000.0
WORKER = "celery@one"
CLIENT = "gen77@web"
TRACEBACK = 'Traceback (most recent call last):\n  File "tasks.py", line 1, in fail\nValueError: no\n'


def event(kind, at, **fields):
    """An event sent at NOW + `at` seconds."""
    return {
        "type": kind,
        "timestamp": NOW + at,
        "hostname": CLIENT if kind == "task-sent" else WORKER,
        "utcoffset": 0,
        "pid": 7,
        "clock": 1,
        **fields,
    }


def message(task_id, retries=0, **fields):
    """What `task-sent` and `task-received` say of a task."""
    return {
        "uuid": task_id,
        "name": "proj.tasks.add",
        "args": "(2, 3)",
        "kwargs": "{}",
        "retries": retries,
        "eta": None,
        "expires": None,
        "root_id": task_id,
        "parent_id": None,
        **fields,
    }


ROUTE = {"queue": "celery", "exchange": "", "routing_key": "celery"}


def success(task_id=None, at=0.0, worker=WORKER, result="5"):
    """The four events of a task that succeeds within a second."""
    task_id = task_id or uuid.uuid4().hex
    return [
        event("task-sent", at, **message(task_id), **ROUTE),
        event("task-received", at + 0.1, hostname=worker, **message(task_id)),
        event("task-started", at + 0.2, hostname=worker, uuid=task_id),
        event("task-succeeded", at + 0.9, hostname=worker, uuid=task_id, result=result, runtime=0.7),
    ]


def retried(task_id=None):
    """A task that fails once and succeeds then, in the order in which Celery sends its events."""
    task_id = task_id or uuid.uuid4().hex
    return [
        event("task-sent", 0, **message(task_id), **ROUTE),
        event("task-received", 0.1, **message(task_id)),
        event("task-started", 0.2, uuid=task_id),
        event("task-sent", 0.3, hostname=WORKER, **message(task_id, 1), **ROUTE),
        event("task-received", 0.4, **message(task_id, 1)),
        event("task-retried", 0.5, uuid=task_id, exception="ValueError('no')", traceback=TRACEBACK),
        event("task-started", 1.2, uuid=task_id),
        event("task-succeeded", 1.4, uuid=task_id, result="5", runtime=0.2),
    ]


def timed_out(task_id=None):
    """A hard time limit: two failures, and the first does not know of what."""
    task_id = task_id or uuid.uuid4().hex
    return [
        event("task-received", 0, **message(task_id)),
        event("task-started", 0.1, uuid=task_id),
        event("task-failed", 2.1, uuid=task_id, exception="ExceptionWithTraceback()", traceback=TRACEBACK),
        event("task-failed", 2.1, uuid=task_id, exception="TimeLimitExceeded(2)", traceback=TRACEBACK),
    ]


def heartbeat(at, hostname=WORKER, kind="worker-heartbeat", **fields):
    return event(
        kind,
        at,
        hostname=hostname,
        **{
            "freq": 2.0,
            "sw_ident": "py-celery",
            "sw_ver": "5.7.0",
            "sw_sys": "Linux",
            "active": 1,
            "processed": 10,
            "loadavg": [0.1, 0.2, 0.3],
            **fields,
        },
    )


_task_kinds = st.sampled_from(
    [
        *(
            f"task-{subject}"
            for subject in (
                "sent",
                "received",
                "started",
                "succeeded",
                "failed",
                "retried",
                "revoked",
                "rejected",
                "cancelled",
                "progress",
                "Progrèss",
            )
        )
    ]
)
# Few values, so that keys meet and ties must be broken.
_word = st.sampled_from(["a", "A", "b", "ü", "z z", "<b>", ""])
_few = st.none() | _word


@st.composite
def task_events(draw, task_ids=("t1", "t2")):
    """An event of a task, each field there or not, the times few enough to be equal at times."""
    kind = draw(_task_kinds)
    fields = {
        "uuid": draw(st.sampled_from(task_ids)),
        "hostname": draw(st.sampled_from(["w1", "W1", "w2"])),
        "name": draw(_few),
        "args": draw(_few),
        "kwargs": draw(_few),
        "retries": draw(st.sampled_from([None, 0, 1, 2])),
        "eta": draw(st.sampled_from([None, "2026-09-21T14:00:00+00:00", "2026-09-21T16:00:00+01:00"])),
        "expires": draw(st.sampled_from([None, "2026-10-01T00:00:00"])),
        "queue": draw(_few),
        "exchange": draw(_few),
        "routing_key": draw(_few),
        "root_id": draw(_few),
        "parent_id": draw(_few),
        "result": draw(_few),
        "runtime": draw(st.sampled_from([None, 0.5, 1, 2.25])),
        "exception": draw(
            st.sampled_from([None, "", "ValueError()", "ExceptionWithTraceback()", "KeyError()"])
        ),
        "traceback": draw(_few),
    }
    return event(kind, draw(st.sampled_from([0, 0.000001, 1, 2.5])), **fields)


@st.composite
def worker_events(draw, hostnames=("w1", "w2")):
    return heartbeat(
        draw(st.sampled_from([0, 0.000001, 1, 2.5])),
        draw(st.sampled_from(hostnames)),
        draw(st.sampled_from(["worker-online", "worker-heartbeat", "worker-offline"])),
        freq=draw(st.sampled_from([None, 2.0, 5])),
        active=draw(st.sampled_from([None, 0, 3])),
        pid=draw(st.sampled_from([None, 1, 2])),
        sw_ident=draw(_few),
        loadavg=draw(st.sampled_from([None, [], [0.5, 1, 2], [1, 1, 1]])),
    )


_junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\x00", "\ud800", "<script>", 10**400, -1e300, float("nan"), "x" * 3_000]),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = sorted({*message(""), *ROUTE, *heartbeat(0), "result", "runtime", "exception", "traceback"})
hostile_events = _junk | st.builds(
    lambda kind, fields: {"type": kind, **fields},
    _task_kinds
    | st.sampled_from(["worker-heartbeat", "worker-online", "worker-offline", "task-", "-", "x"])
    | _junk,
    st.dictionaries(st.sampled_from(_FIELDS), _junk, max_size=8),
)


def hostile_dicts(count, seed=1):
    """Hostile events by the thousand, without hypothesis' price for each."""
    rng = random.Random(seed)
    values = [
        None,
        True,
        -1,
        10**30,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "\x00",
        "a\ud800b",
        "<b>",
        "x" * 3_000,
    ]
    values += [[], {}, [[1, [2]]], {"a": {"b": None}}, NOW * 1000, -NOW, 4e9, b"bytes", uuid.uuid4().hex]
    kinds = [
        "task-received",
        "task-started",
        "task-succeeded",
        "task-failed",
        "worker-heartbeat",
        "task-x",
        "y",
        7,
    ]
    for number in itertools.count() if count is None else range(count):
        fields = {name: rng.choice(values) for name in rng.sample(_FIELDS, rng.randrange(len(_FIELDS)))}
        whole = {**message(f"hostile-{number}"), "hostname": "celery@hostile", "timestamp": NOW}
        base = whole if rng.random() < 0.5 else {}
        yield {**base, **fields, "type": rng.choice(kinds)}
