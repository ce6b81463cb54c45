"""Arguments that a person types as JSON, for a task that is called with them."""

import inspect
import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _


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


def call_problem(task: Any, args: list[Any], kwargs: dict[str, Any]) -> tuple[str, str] | None:
    """The field and what is wrong, where the task's signature cannot take the arguments.

    A bound task's own `self` is not among them: Celery has taken it out of the method.
    """
    try:
        signature = inspect.signature(task.run)
    except (TypeError, ValueError):  # a callable without a signature takes what it takes
        return None
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        field = "kwargs" if "keyword" in str(error) else "args"
        text = _("%(task)s%(signature)s cannot take these: %(reason)s.")
        return field, text % {"task": task.name.rpartition(".")[2], "signature": signature, "reason": error}
    return None
