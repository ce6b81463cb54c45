"""What people type for a command: checked here as far as nobody needs to ask a worker."""

import json
from typing import Any

from celery.utils.time import rate
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.admin.calls import checked_json

LONGEST = 255
MOST_IDS = 1_000
SIGNALS = ("SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT", "SIGUSR1")


class Arguments(forms.Form):
    """A command's arguments; `arguments()` gives them by the names that workers know."""

    def arguments(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}


class NoArguments(Arguments):
    pass


class _TaskForm(Arguments):
    task_name = forms.CharField(label=gettext_lazy("Task"), max_length=LONGEST)


class RateLimitForm(_TaskForm):
    rate_limit = forms.CharField(
        label=gettext_lazy("Rate limit"),
        required=False,
        max_length=40,
        help_text=gettext_lazy("Such as 10/m, 5/s, 100/h. Leave it empty for no limit."),
    )

    def clean_rate_limit(self) -> str:
        text: str = self.cleaned_data["rate_limit"].strip()
        try:
            rate(text)
        except (ValueError, KeyError) as error:
            raise forms.ValidationError(_("Write a number, and per what: 10/m, 5/s or 100/h.")) from error
        return text

    def arguments(self) -> dict[str, Any]:
        # 0 is what Celery calls none.
        return {
            "task_name": self.cleaned_data["task_name"],
            "rate_limit": self.cleaned_data["rate_limit"] or 0,
        }


class TimeLimitForm(_TaskForm):
    seconds = forms.FloatField(
        label=gettext_lazy("Seconds"),
        required=False,
        min_value=0.1,
        help_text=gettext_lazy(
            "Leave it empty for none of the task's own: then the worker's own limit holds."
        ),
    )


class QueueForm(Arguments):
    queue = forms.CharField(label=gettext_lazy("Queue"), max_length=LONGEST)


class AddConsumerForm(QueueForm):
    exchange = forms.CharField(label=gettext_lazy("Exchange"), required=False, max_length=LONGEST)
    exchange_type = forms.ChoiceField(
        label=gettext_lazy("Exchange type"),
        required=False,
        choices=[
            (kind, kind or gettext_lazy("as the app has it")) for kind in ("", "direct", "topic", "fanout")
        ],
    )
    routing_key = forms.CharField(label=gettext_lazy("Routing key"), required=False, max_length=LONGEST)
    options = forms.CharField(
        label=gettext_lazy("Options"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60, "spellcheck": "false"}),
        help_text=gettext_lazy('A JSON object, as in {"durable": true, "max_priority": 10}.'),
    )

    def clean_options(self) -> dict[str, Any]:
        text = self.cleaned_data["options"].strip()
        found: dict[str, Any] = json.loads(checked_json(text, dict)) if text else {}
        if taken := found.keys() & {"queue", "exchange", "exchange_type", "routing_key"}:
            raise forms.ValidationError(_("Above, and not here: %s.") % ", ".join(sorted(taken)))
        return found

    def arguments(self) -> dict[str, Any]:
        found = super().arguments()
        return {**found.pop("options", {}), **found}


class CountForm(Arguments):
    n = forms.IntegerField(label=gettext_lazy("Processes"), min_value=1, max_value=1_000, initial=1)


class AutoscaleForm(Arguments):
    # By Celery's own names.
    max = forms.IntegerField(label=gettext_lazy("At most"), min_value=1, max_value=10_000)
    min = forms.IntegerField(label=gettext_lazy("At least"), min_value=0, max_value=10_000)

    def clean(self) -> Any:
        data: Any = super().clean()
        most, least = data.get("max"), data.get("min")
        if most is not None and least is not None and least > most:
            self.add_error("min", _("This is more than at most."))
        return data


class PoolRestartForm(Arguments):
    modules = forms.CharField(
        label=gettext_lazy("Modules to import"),
        required=False,
        max_length=2_000,
        help_text=gettext_lazy("Names apart by spaces; none of them need be given."),
    )
    reload = forms.BooleanField(label=gettext_lazy("Import them anew"), required=False)

    def clean_modules(self) -> list[str]:
        names: list[str] = self.cleaned_data["modules"].replace(",", " ").split()
        for name in names:
            if not all(part.isidentifier() for part in name.split(".")):
                raise forms.ValidationError(_("%s is no name of a module.") % name)
        return names

    def arguments(self) -> dict[str, Any]:
        modules = self.cleaned_data["modules"]
        return {"modules": modules, "reload": self.cleaned_data["reload"]} if modules else {}


class IdsForm(Arguments):
    """Task ids, apart by spaces, commas or lines."""

    ids = forms.CharField(
        label=gettext_lazy("Task ids"),
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "spellcheck": "false"}),
        help_text=gettext_lazy("One or several, each in a line of its own."),
    )

    def clean_ids(self) -> list[str]:
        found = list(dict.fromkeys(self.cleaned_data["ids"].replace(",", " ").split()))
        if not found:
            raise forms.ValidationError(_("Give a task's id."))
        if len(found) > MOST_IDS:
            raise forms.ValidationError(_("No more than %d at once.") % MOST_IDS)
        return found


class RevokeForm(IdsForm):
    def arguments(self) -> dict[str, Any]:
        return {"task_id": self.cleaned_data["ids"], "terminate": False}


class SignalForm(Arguments):
    signal = forms.ChoiceField(label=gettext_lazy("Signal"), choices=[(name, name) for name in SIGNALS])


class TerminateForm(IdsForm, SignalForm):
    field_order = ("ids", "signal")

    def arguments(self) -> dict[str, Any]:
        return {
            "task_id": self.cleaned_data["ids"],
            "terminate": True,
            "signal": self.cleaned_data["signal"],
        }


class HeadersForm(Arguments):
    """Stamped headers, each in a line: a name and its values."""

    headers = forms.CharField(
        label=gettext_lazy("Stamped headers"),
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "spellcheck": "false"}),
        help_text=gettext_lazy("A line for each: name=value, or name=value, other value."),
    )

    def clean_headers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["headers"].splitlines())):
            name, equals, values = line.partition("=")
            stamps = [value.strip() for value in values.split(",") if value.strip()]
            if not (equals and name.strip() and stamps):
                raise forms.ValidationError(_("“%s” is not name=value.") % line)
            found.setdefault(name.strip(), []).extend(stamps)
        return found

    def arguments(self) -> dict[str, Any]:
        return {"headers": self.cleaned_data["headers"], "terminate": False}


class TerminateHeadersForm(HeadersForm, SignalForm):
    field_order = ("headers", "signal")

    def arguments(self) -> dict[str, Any]:
        return {
            "headers": self.cleaned_data["headers"],
            "terminate": True,
            "signal": self.cleaned_data["signal"],
        }


class SamplesForm(Arguments):
    samples = forms.IntegerField(label=gettext_lazy("Samples"), min_value=1, max_value=100, initial=10)
