"""The commands that ask a worker something, and those about its events."""

from django.utils.translation import gettext_lazy as _

from djtaskq_monitor.control import forms
from djtaskq_monitor.control.command import Command

ASKED = (
    Command(
        name="ping",
        method="ping",
        label=_("Ping"),
        text=_("The worker answers if its main process is not stuck."),
        said="Ping",
        reads=True,
    ),
    Command(
        name="report",
        method="report",
        label=_("Report"),
        text=_("The versions and settings that a bug report asks for."),
        said="Report",
        reads=True,
    ),
    Command(
        name="query-task",
        method="query_task",
        label=_("Find tasks"),
        text=_("Whether the worker holds these tasks, and in which state."),
        said="Find tasks {ids}",
        form=forms.IdsForm,
        reads=True,
    ),
    Command(
        name="clock",
        method="clock",
        label=_("Clock"),
        text=_("The worker's logical clock."),
        said="Clock",
        reads=True,
    ),
    Command(
        name="memory-sample",
        method="memsample",
        label=_("Memory sample"),
        text=_("The main process's memory at present; the worker needs psutil for it."),
        said="Memory sample",
        reads=True,
    ),
    Command(
        name="memory-dump",
        method="memdump",
        label=_("Memory samples so far"),
        text=_("The samples that were taken so far; the worker needs psutil for it."),
        said="Memory samples so far",
        form=forms.SamplesForm,
        reads=True,
    ),
    Command(
        name="heartbeat",
        method="heartbeat",
        label=_("Heartbeat"),
        text=_("The worker sends a heartbeat event at once."),
        said="Heartbeat",
    ),
    Command(
        name="enable-events",
        method="enable_events",
        label=_("Enable events"),
        text=_("The worker sends events about tasks from now on."),
        said="Enable events",
    ),
    Command(
        name="disable-events",
        method="disable_events",
        label=_("Disable events"),
        text=_(
            "The worker sends no events about tasks any more: its tasks are not seen here. One that was"
            " started with -E answers that it sends none already, and goes on."
        ),
        said="Disable events",
        destroys=True,
    ),
)
