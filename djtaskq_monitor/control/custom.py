"""The control commands of a project's own, read off Celery's panel; for forms.

A command is known here if the module that registers it is one that the app imports, as its workers do.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

from celery import Celery
from celery.worker import control
from django import forms
from django.utils.translation import gettext as _

from djtaskq_monitor.control.forms import LONGEST, Arguments

_CELERYS_OWN = control.__name__


def panel(app: Celery, registered: Any) -> Iterator[tuple[str, Any]]:
    """The names and the descriptions of commands that are not Celery's own, by name."""
    app.loader.import_default_modules()
    for name, meta in sorted(registered.meta.items()):
        if getattr(registered.data.get(name), "__module__", _CELERYS_OWN) != _CELERYS_OWN:
            yield name, meta


def form_of(method: str, meta: Any) -> type[Arguments]:
    """A form with a field for each argument, as the command's `args` or else its signature names them."""
    fields = {name: _field(kind, required=required) for name, kind, required in _parameters(method, meta)}
    if meta.variadic:
        fields[meta.variadic] = forms.CharField(
            required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("One in each line.")
        )
    made: Any = type(f"{method}_Form", (_CustomForm,), {**fields, "variadic": meta.variadic})
    return made  # type: ignore[no-any-return]  # made here


def said(method: str, meta: Any) -> str:
    """What is filled with the form's values."""
    names = [name for name, _kind, _required in _parameters(method, meta)]
    return ", ".join(f"{name}={{{name}}}" for name in (*names, *filter(None, [meta.variadic])))


class _CustomForm(Arguments):
    variadic: str | None = None

    def arguments(self) -> dict[str, Any]:
        found = super().arguments()
        if self.variadic in found:
            found[self.variadic] = [
                line.strip() for line in found[self.variadic].splitlines() if line.strip()
            ]
        return found


class _ConvertedField(forms.CharField):
    """Text that the command's own type makes a value of."""

    def __init__(self, *, convert: Callable[[str], Any], **options: Any) -> None:
        super().__init__(max_length=LONGEST, **options)
        self._convert = convert

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return text
        try:
            return self._convert(text)
        except (TypeError, ValueError) as error:
            raise forms.ValidationError(_("This cannot be read: %s.") % error) from error


def _field(kind: Any, *, required: bool) -> forms.Field:
    # What a form cannot say in one line is JSON; a word that is none stands for itself.
    convert = kind if callable(kind) else _json_or_text
    return _ConvertedField(convert=convert, required=required)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parameters(method: str, meta: Any) -> list[tuple[str, Any, bool]]:
    """Each argument's name, what makes a value of its text (None for JSON), and whether it must be given."""
    given = dict(meta.args or ())
    found = []
    parameters = list(inspect.signature(control.Panel.data[method]).parameters.values())[1:]
    for parameter in parameters:
        if (
            parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}
            or parameter.name == meta.variadic
        ):
            continue
        found.append((parameter.name, given.get(parameter.name), parameter.default is parameter.empty))
    known = {name for name, _kind, _required in found}
    return found + [(name, kind, False) for name, kind in given.items() if name not in known]
