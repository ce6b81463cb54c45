"""The tabs of a worker's page: what each asks the worker, and what shows the answer."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from djtaskq_monitor.admin.worker_answers import configuration, queues, stats, tasks
from djtaskq_monitor.admin.worker_answers.facts import Shown
from djtaskq_monitor.control import limits
from djtaskq_monitor.control.asking import Question

_STATS = Question(method="stats")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTab:
    """One tab: `show` makes the template's context of the answers' values, in the order of the questions."""

    label: str | Promise
    questions: Sequence[Question]
    show: Callable[..., Shown]
    template: str


TABS: Mapping[str, WorkerTab] = {
    "pool": WorkerTab(
        label=gettext_lazy("Pool"),
        questions=[_STATS],
        show=stats.pool,
        template="djtaskq_monitor/worker/pool.html",
    ),
    "queues": WorkerTab(
        label=gettext_lazy("Queues"),
        questions=[Question(method="active_queues")],
        show=queues.queues,
        template="djtaskq_monitor/worker/queues.html",
    ),
    "active": WorkerTab(
        label=gettext_lazy("Active"),
        questions=[Question(method="active", arguments={"safe": True})],
        show=tasks.requests,
        template="djtaskq_monitor/worker/requests.html",
    ),
    "reserved": WorkerTab(
        label=gettext_lazy("Reserved"),
        questions=[Question(method="reserved")],
        show=tasks.requests,
        template="djtaskq_monitor/worker/requests.html",
    ),
    "scheduled": WorkerTab(
        label=gettext_lazy("Scheduled"),
        questions=[Question(method="scheduled")],
        show=tasks.requests,
        template="djtaskq_monitor/worker/requests.html",
    ),
    "revoked": WorkerTab(
        label=gettext_lazy("Revoked"),
        questions=[Question(method="revoked")],
        show=tasks.revoked,
        template="djtaskq_monitor/worker/revoked.html",
    ),
    "limits": WorkerTab(
        label=gettext_lazy("Tasks and limits"),
        questions=[limits.QUESTION, _STATS],
        show=tasks.limits_of,
        template="djtaskq_monitor/worker/limits.html",
    ),
    "broker": WorkerTab(
        label=gettext_lazy("Broker"),
        questions=[_STATS],
        show=stats.broker,
        template="djtaskq_monitor/worker/facts.html",
    ),
    "configuration": WorkerTab(
        label=gettext_lazy("Configuration"),
        questions=[Question(method="conf", arguments={"with_defaults": False})],
        show=configuration.configuration,
        template="djtaskq_monitor/worker/configuration.html",
    ),
    "system": WorkerTab(
        label=gettext_lazy("System"),
        questions=[_STATS],
        show=stats.system,
        template="djtaskq_monitor/worker/facts.html",
    ),
}
