import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django_celery_beat import admin as theirs

from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.queries import never_fires
from djtaskq_beat.timetable import KINDS

_SHAPES = {"args": list, "kwargs": dict, "headers": dict}


class PeriodicTaskForm(theirs.PeriodicTaskForm):  # type: ignore[misc]  # django-celery-beat has no types
    """django-celery-beat's form, which says where the JSON breaks and when a schedule can never run."""

    def clean_args(self) -> str:
        return self._json("args")

    def clean_kwargs(self) -> str:
        return self._json("kwargs")

    def clean_headers(self) -> str:
        return self._json("headers")

    def _post_clean(self) -> None:
        super()._post_clean()
        if not self.errors:
            try:
                self._check_schedule()
            except ValidationError as error:
                self.add_error(None, error)

    def _check_schedule(self) -> None:
        kind = next(kind for kind in KINDS if getattr(self.instance, f"{kind}_id"))
        try:
            never = never_fires(self.instance, timezone.now())
        except Unschedulable as error:
            raise ValidationError({kind: str(error)}) from error
        if never and self.instance.enabled:
            raise ValidationError(
                {kind: _("This schedule would never run: no time is left between its start and its expiry.")}
            )

    def _json(self, field: str) -> str:
        text = self.cleaned_data.get(field)
        if not text:
            return "[]" if _SHAPES[field] is list else "{}"
        return checked_json(text, _SHAPES[field])


def checked_json(text: str, shape: type) -> str:
    """`text` if it is JSON of that shape; raises a ValidationError that says where it is not."""
    try:
        value: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise forms.ValidationError(
            _("This is no JSON: %(reason)s at line %(line)s, column %(column)s."),
            params={"reason": error.msg, "line": error.lineno, "column": error.colno},
            code="invalid",
        ) from error
    except RecursionError as error:
        raise forms.ValidationError(_("This JSON is nested too deeply."), code="invalid") from error
    if not isinstance(value, shape):
        wanted = _("a list, as in [1, 2]") if shape is list else _('an object, as in {"name": "value"}')
        raise forms.ValidationError(_("This must be %(wanted)s."), params={"wanted": wanted}, code="invalid")
    return text
