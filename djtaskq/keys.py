"""The keys of `DJTASKQ`: their types, defaults, bounds and what they are for."""

import dataclasses
from typing import Any


def _setting(default: Any, text: str, *, at_least: float | None = None, at_most: float | None = None) -> Any:
    return dataclasses.field(
        default=default, metadata={"help": text, "at_least": at_least, "at_most": at_most}
    )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Every key of `DJTASKQ`, its type, its default and what it is for."""

    DATABASE_RETRY_SECONDS: float = _setting(
        60.0,
        "How long a worker goes on trying to store a state while the database is away, in seconds.",
        at_least=0,
    )
    ADMIN_COUNT_LIMIT: int = _setting(
        10_000,
        "Admin lists count no further than this: beyond it they say “more than”.",
        at_least=100,
    )

    REDACT_KEYS: tuple[str, ...] | list[str] = _setting(  # noqa: RUF009  nobody changes it
        (
            *("*password*", "passwd", "pwd", "*passphrase*", "*secret*", "*token*", "key", "*apikey*"),
            *("*credential*", "*authorization*", "auth", "*cookie*", "session", "sessionid", "signature"),
            *("card", "creditcard", "cardnumber", "cvc", "cvv", "iban", "ssn", "pin"),
        ),
        "Names whose values no page and no file shows, in arguments, results and messages: as in file names, "
        "matched with the whole name and with each of its words; () shows all.",
    )

    BEAT_MAX_INTERVAL: float = _setting(
        0.5,
        "Beat looks for what is due and for what was edited at least this often, in seconds. "
        "Celery's beat_max_loop_interval and beat --max-interval come first.",
        at_least=0.05,
        at_most=60,
    )
    BEAT_RECONCILE_SECONDS: float = _setting(
        30.0,
        "How often beat sees to it that the triggers are there that tell of changes, and looks for what got "
        "past them, in seconds. Without triggers it looks through all schedules.",
        at_least=1,
    )
    BEAT_GRACE_SECONDS: float = _setting(
        30.0,
        "A run that was claimed and is not known to be published after this many seconds is published by "
        "any beat, under the same task id.",
        at_least=1,
    )
    BEAT_PUBLISH_SECONDS: float = _setting(
        5.0,
        "How long one tick of beat may take to reach the broker and to publish, in seconds; what is left "
        "goes out with the next.",
        at_least=0.1,
    )
    BEAT_FOLLOW_SECONDS: float = _setting(
        2.0,
        "How often beat asks how the tasks of its runs ended, in seconds.",
        at_least=0.1,
    )
    BEAT_FOLLOW_LIMIT: float = _setting(
        86_400.0,
        "How long beat goes on asking how a task ended before it gives up, in seconds.",
        at_least=1,
    )
    BEAT_RUNS_EXPIRE: float | None = _setting(
        30 * 86_400.0,
        "How long the history of runs is kept, in seconds; None keeps it.",
        at_least=60,
    )
    BEAT_RUNS_KEEP: int | None = _setting(
        10_000,
        "How many runs of one schedule are kept, the latest ones; None keeps all.",
        at_least=1,
    )
    BEAT_ALERT_MISSED: bool = _setting(True, "Whether slots that were missed raise an alert.")
    BEAT_ALERT_LATE: float | None = _setting(
        60.0,
        "A run that is published this many seconds late raises an alert, unless its policy says otherwise; "
        "None for no such alert.",
        at_least=0.1,
    )
    BEAT_ALERT_OVERDUE: float | None = _setting(
        None,
        "A run that has not ended after this many seconds raises an alert, unless its policy says otherwise; "
        "None for no such alert.",
        at_least=1,
    )
    BEAT_ALERT_FAILURES: int | None = _setting(
        1,
        "This many failures of a schedule in a row raise an alert, unless its policy says otherwise; None "
        "for no such alert.",
        at_least=1,
    )
    BEAT_ALERT_MAIL: bool = _setting(False, "Whether alerts are mailed to ADMINS.")
    BEAT_ALERT_WEBHOOK: str | None = _setting(
        None, "The URL that alerts are posted to as JSON; None for none."
    )
    BEAT_ALERT_SECRET: str | None = _setting(
        None, "The key that signs what is posted to the webhook (HMAC with SHA-256); needed with it."
    )

    RESULTS_RETENTION: dict[str, Any] | None = _setting(  # noqa: RUF009  nobody changes it
        None,
        "How long results are kept, by state and by task name, where that is not as long as Celery's "
        "result_expires says; see “How long results are kept” in results.md.",
    )

    RESULTS_DETAILS: bool = _setting(
        False,
        "Whether a task's queue, retries, root, parent and group ids, times and attempts are kept beside its"
        " result.",
    )
    RESULTS_STORE_ARGUMENTS: bool = _setting(
        False,
        "Whether a task's real arguments are kept as JSON, for running it again; they may hold secrets. Turns"
        " RESULTS_DETAILS on.",
    )
    RESULTS_CONNECTION_SECONDS: float = _setting(
        600.0,
        "How long a worker's process keeps its connection for results open from task to task, in seconds; 0 "
        "for a new one with each task. The pools prefork and solo do so, on all databases but SQLite.",
        at_least=0,
    )
    RESULTS_PUSH: bool = _setting(
        True,
        "Whether workers tell processes that wait for a result as soon as it is stored, on databases that "
        "can (PostgreSQL); without it, and on all others, who waits looks again and again.",
    )

    RESULTS_CHORD_SWEEP_SECONDS: float | None = _setting(
        15.0,
        "How often each worker looks for chords whose finisher died before it sent their body, in seconds; "
        "None leaves them to celery.backend_cleanup.",
        at_least=0.1,
    )

    MONITOR_QUEUE_TTL: float = _setting(
        600.0,
        "How long the broker keeps an event for a camera that is busy or away, in seconds.",
        at_least=1,
    )
    MONITOR_QUEUE_EXPIRES: float = _setting(
        3_600.0,
        "How long the broker keeps the event queue of a camera that does not come back, in seconds.",
        at_least=60,
    )
    MONITOR_QUEUE: str | None = _setting(
        None,
        "Name of the camera's event queue. Cameras on one named queue share its events; if None, each host"
        " has a queue of its own.",
    )
    MONITOR_ENABLE_EVENTS: bool = _setting(
        True,
        "Whether the camera tells workers that were started without -E to send events.",
    )
    MONITOR_MAX_PENDING: int = _setting(
        200_000,
        "How many tasks the camera holds in memory while the database does not take them. Beyond that"
        " RabbitMQ and the filesystem keep the events; elsewhere the oldest tasks that have not ended go.",
        at_least=1_000,
    )
    MONITOR_STOP_SECONDS: float = _setting(
        10.0,
        "How long a camera that is told to stop goes on trying to write what it holds, in seconds.",
        at_least=0,
    )
    MONITOR_WORKER_GRACE: float = _setting(
        10.0,
        "How long a worker may be silent beyond two of its heartbeats before it counts as lost, in seconds.",
        at_least=0,
    )
    MONITOR_CONTROL_SECONDS: float = _setting(
        1.0,
        "How long to wait for workers' answers to what a page or an action asks of them, in seconds.",
        at_least=0.1,
        at_most=60,
    )
    MONITOR_EXPIRE_SUCCESS: float | None = _setting(
        86_400.0,
        "How long tasks that succeeded are kept, in seconds; None keeps them. The settings of"
        " django-celery-monitor and djcelery of the same meaning are read if this one is not given.",
        at_least=0,
    )
    MONITOR_EXPIRE_ERROR: float | None = _setting(
        259_200.0,
        "How long tasks that failed, were revoked or wait for a retry are kept, in seconds; None keeps them.",
        at_least=0,
    )
    MONITOR_EXPIRE_PENDING: float | None = _setting(
        432_000.0,
        "How long tasks in every other state are kept, in seconds; None keeps them.",
        at_least=0,
    )
    MONITOR_WORKER_EXPIRE: float | None = _setting(
        86_400.0,
        "How long workers that went offline or are lost are kept, in seconds; None keeps them.",
        at_least=60,
    )
    MONITOR_QUEUES_SECONDS: float | None = _setting(
        10.0,
        "How often a camera asks the broker how long queues are, in seconds; None for never.",
        at_least=1,
    )
    MONITOR_QUEUES: list[str] | tuple[str, ...] = _setting(  # noqa: RUF009  nobody changes it
        (),
        "Names of queues to ask for besides those of the app's configuration, of workers and of statistics.",
    )
    MONITOR_QUEUES_KEEP: float | None = _setting(
        604_800.0,
        "How long the lengths of queues are kept by the minute, and queues that nobody names any more, in"
        " seconds; None keeps them.",
        at_least=3_600,
    )
    MONITOR_BROKER_API: str | None = _setting(
        None,
        "The URL of RabbitMQ's management API, as in http://user:password@host:15672/api: it tells what AMQP"
        " does not; None for AMQP alone.",
    )
    MONITOR_STATISTICS: bool = _setting(
        True,
        "Whether cameras count tasks by the minute, their name, queue and worker.",
    )
    MONITOR_STATISTICS_LABELS: int = _setting(
        1_000,
        "How many task names, queues and workers, of each, statistics tell apart; those that come later are"
        " counted together as “(other)”.",
        at_least=1,
    )
    MONITOR_METRICS_SERIES: int = _setting(
        2_000,
        "How many counters metrics tell apart, of each kind: by task and queue, by task and worker, by task,"
        " queue and exception; those that come later are counted together as “(other)”.",
        at_least=1,
    )
    MONITOR_METRICS_EXPIRE: float | None = _setting(
        2_592_000.0,
        "How long metrics keep a counter that counts nothing, in seconds; None keeps them.",
        at_least=3_600,
    )
    MONITOR_METRICS_GONE: float = _setting(
        1_800.0,
        "How long metrics go on to tell of a worker that went offline or is lost, in seconds.",
        at_least=0,
    )
    MONITOR_API_RATE: int = _setting(
        600,
        "How many requests of one token or user the HTTP API answers in a minute.",
        at_least=1,
    )
    MONITOR_PROBE_TOKEN: str | None = _setting(
        None,
        "The token that lets machines read metrics and health (Authorization: Bearer …), of 16 characters or"
        " more; None for none.",
    )
    MONITOR_PROBE_NETWORKS: list[str] | tuple[str, ...] = _setting(  # noqa: RUF009  nobody changes it
        (),
        "Networks, as in 10.0.0.0/8, from which metrics and health are read without a token; () for none.",
    )
    MONITOR_STATISTICS_MINUTES: float | None = _setting(
        172_800.0,
        "How long statistics by the minute are kept, in seconds; None keeps them.",
        at_least=7_200,
    )
    MONITOR_STATISTICS_HOURS: float | None = _setting(
        5_184_000.0,
        "How long statistics by the hour are kept, in seconds; None keeps them.",
        at_least=86_400,
    )
    MONITOR_STATISTICS_DAYS: float | None = _setting(
        94_608_000.0,
        "How long statistics by the day are kept, in seconds; None keeps them.",
        at_least=86_400,
    )
