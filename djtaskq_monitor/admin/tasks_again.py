"""Running a task again from its page."""

import uuid

from celery import current_app
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy

from djtaskq.admin import rerun
from djtaskq.arguments import Arguments, arguments_of
from djtaskq_monitor import again
from djtaskq_monitor.models import TaskState


class RunningAgain(rerun.Rerunning):
    """The form that runs a task again; a part of the admin class of tasks."""

    rerun_url_name = "djtaskq_monitor_run_again"
    no_name = gettext_lazy("No event told the task's name: it cannot be sent.")

    def has_run_again_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("djtaskq_monitor.run_task_again"))

    def to_run_again(self, pk: int) -> rerun.Again | None:
        row = TaskState.objects.filter(pk=pk).first()
        if row is None:
            return None
        return rerun.Again(
            row=row,
            task_id=row.task_id,
            name=row.name or "",
            queue=row.queue or "",
            stored=arguments_of(row.task_id),
            args=row.args or "",
            kwargs=row.kwargs or "",
        )

    def send_again(
        self,
        task: rerun.Again,
        arguments: Arguments,
        token: uuid.UUID,
        queue: str,
        user: str,  # noqa: ARG002  the admin's log knows
    ) -> bool:
        return again.send_once(current_app, task.name, arguments, task_id=token, queue=queue)

    def page_of_sent(self, token: str) -> str:
        return reverse("admin:djtaskq_monitor_task", args=[token])
