import json
from typing import Any

from celery import current_app
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django_celery_beat import admin as theirs

from djtaskq.admin.calls import call_problem, checked_json
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.queries import never_fires
from djtaskq_beat.timetable import KINDS

_SHAPES = {"args": list, "kwargs": dict, "headers": dict}


class PeriodicTaskForm(theirs.PeriodicTaskForm):  # type: ignore[misc]  # django-celery-beat has no types
    """django-celery-beat's form, which says where the JSON breaks and when a schedule can never run."""

    celery_app: Any = current_app

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.warnings: dict[str, list[str]] = {}

    def clean_args(self) -> str:
        return self._json("args")

    def clean_kwargs(self) -> str:
        return self._json("kwargs")

    def clean_headers(self) -> str:
        return self._json("headers")

    def clean(self) -> Any:
        if "task" in self.errors:
            return self.cleaned_data  # theirs reads the name that is not there
        data = super().clean()
        if data.get("task"):
            self._check_call(data)
        return data

    def _post_clean(self) -> None:
        super()._post_clean()
        # The other fields' errors say nothing of the schedule: it is checked beside them.
        if {*KINDS, "start_time", "expires", "__all__"}.isdisjoint(self.errors):
            try:
                self._check_schedule()
            except ValidationError as error:
                self.add_error(None, error)

    def _check_call(self, data: dict[str, Any]) -> None:
        """What Celery would refuse to call is an error in what is enabled; a broken task can be disabled."""
        self.celery_app.loader.import_default_modules()
        task = self.celery_app.tasks.get(data["task"])
        if task is None:
            text = _("No task named “%s” is registered here. A worker must know it, or its runs will fail.")
            self.warnings["task"] = [text % data["task"]]
            return
        if "args" not in data or "kwargs" not in data:
            return
        problem = call_problem(task, json.loads(data["args"]), json.loads(data["kwargs"]))
        if problem is None:
            return
        field, text = problem
        if task.typing and data.get("enabled"):
            self.add_error(field, text)
        else:
            self.warnings[field] = [text]

    def _check_schedule(self) -> None:
        kind = next((kind for kind in KINDS if getattr(self.instance, f"{kind}_id")), None)
        if kind is None:
            return  # said by the model
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
