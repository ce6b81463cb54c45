"""The commands that change what a worker does: limits, queues, its pool, its end."""

from django.utils.translation import gettext_lazy as _

from djtaskq_monitor.control import forms
from djtaskq_monitor.control.command import Command

TOLD = (
    Command(
        name="rate-limit",
        method="rate_limit",
        label=_("Rate limit"),
        text=_("How often the worker begins a task of this name, until it is started again."),
        said="Rate limit of {task_name}: {rate_limit}",
        form=forms.RateLimitForm,
    ),
    Command(
        name="soft-time-limit",
        method="time_limit",
        label=_("Soft time limit"),
        text=_("After it, the task is told so by an exception. Its hard limit stays as it is."),
        said="Soft time limit of {task_name}: {seconds}",
        form=forms.TimeLimitForm,
        limit="soft",
    ),
    Command(
        name="hard-time-limit",
        method="time_limit",
        label=_("Hard time limit"),
        text=_("After it, the process that runs the task is killed. Its soft limit stays as it is."),
        said="Hard time limit of {task_name}: {seconds}",
        form=forms.TimeLimitForm,
        limit="hard",
    ),
    Command(
        name="add-consumer",
        method="add_consumer",
        label=_("Consume from a queue"),
        text=_("The worker takes tasks from this queue too, until it is started again."),
        said="Consume from {queue} (exchange {exchange} {exchange_type}, key {routing_key}, {options})",
        form=forms.AddConsumerForm,
    ),
    Command(
        name="cancel-consumer",
        method="cancel_consumer",
        label=_("Stop consuming"),
        text=_("The worker takes no tasks from this queue any more, until it is started again."),
        said="Stop consuming from {queue}",
        form=forms.QueueForm,
    ),
    Command(
        name="pool-grow",
        method="pool_grow",
        label=_("Grow the pool"),
        text=_("So many processes more."),
        said="Grow the pool by {n}",
        form=forms.CountForm,
    ),
    Command(
        name="pool-shrink",
        method="pool_shrink",
        label=_("Shrink the pool"),
        text=_("So many processes fewer, of those that run no task."),
        said="Shrink the pool by {n}",
        form=forms.CountForm,
    ),
    Command(
        name="autoscale",
        method="autoscale",
        label=_("Autoscale"),
        text=_("How many processes the autoscaler keeps; for workers that were started with --autoscale."),
        said="Autoscale from {min} to {max}",
        form=forms.AutoscaleForm,
    ),
    Command(
        name="pool-restart",
        method="pool_restart",
        label=_("Restart the pool"),
        text=_(
            "All processes of the pool are started anew, and what they run is left half done. The worker"
            " refuses unless it has worker_pool_restarts."
        ),
        said="Restart the pool (modules {modules}, reload {reload})",
        form=forms.PoolRestartForm,
        destroys=True,
    ),
    Command(
        name="shutdown",
        method="shutdown",
        label=_("Shut down"),
        text=_(
            "The worker ends its running tasks, takes no others, and stops. Nothing here can start it again."
            " It does not answer: see here when it has gone offline."
        ),
        said="Shut down",
        destroys=True,
        replies=False,
    ),
)
