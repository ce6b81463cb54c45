"""The commands that revoke and terminate tasks."""

from django.utils.translation import gettext_lazy as _

from djtaskq_monitor.control import forms
from djtaskq_monitor.control.command import REVOKE, TERMINATE, Command

REVOKING = (
    Command(
        name="revoke",
        method="revoke",
        label=_("Revoke tasks"),
        text=_("No worker begins these tasks. Those that run go on."),
        said="Revoke {ids}",
        form=forms.RevokeForm,
        permission=REVOKE,
        everybody=True,
    ),
    Command(
        name="terminate",
        method="revoke",
        label=_("Terminate tasks"),
        text=_(
            "The processes that run these tasks are sent a signal: what they were at is left half done."
            " Those that wait are revoked."
        ),
        said="Terminate {ids} with {signal}",
        form=forms.TerminateForm,
        permission=TERMINATE,
        destroys=True,
        everybody=True,
    ),
    Command(
        name="revoke-stamped",
        method="revoke_by_stamped_headers",
        label=_("Revoke by stamped headers"),
        text=_("No worker begins a task that carries one of these stamps."),
        said="Revoke what is stamped {headers}",
        form=forms.HeadersForm,
        permission=REVOKE,
        everybody=True,
    ),
    Command(
        name="terminate-stamped",
        method="revoke_by_stamped_headers",
        label=_("Terminate by stamped headers"),
        text=_("As above, and the processes that run such a task are sent a signal."),
        said="Terminate what is stamped {headers} with {signal}",
        form=forms.TerminateHeadersForm,
        permission=TERMINATE,
        destroys=True,
        everybody=True,
    ),
)
