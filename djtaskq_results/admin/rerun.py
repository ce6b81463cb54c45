"""Running the task of a result again."""

import uuid

from celery import current_app
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django_celery_results.models import TaskResult

from djtaskq.admin import rerun
from djtaskq.arguments import Arguments
from djtaskq_results import again, queries
from djtaskq_results.admin.actions import Actions


class Rerunning(rerun.Rerunning, Actions):
    """The form that runs one task again; a part of the admin class of results."""

    rerun_url_name = "djtaskq_results_run_again"
    no_name = gettext_lazy("The task's name is not stored: set result_extended for the worker.")
    has_run_again_permission = Actions.has_run_again_permission

    def to_run_again(self, pk: int) -> rerun.Again | None:
        row = TaskResult.objects.filter(pk=pk).first()
        if row is None:
            return None
        detail = queries.detail_of(row.task_id)
        args, kwargs = (queries.value(text, row.content_type) for text in (row.task_args, row.task_kwargs))
        return rerun.Again(
            row=row,
            task_id=row.task_id,
            name=row.task_name or "",
            queue=(detail and detail.queue) or "",
            stored=again.stored_arguments(row, detail),
            args=str(args or ""),
            kwargs=str(kwargs or ""),
        )

    def send_again(
        self, task: rerun.Again, arguments: Arguments, token: uuid.UUID, queue: str, user: str
    ) -> bool:
        return again.send_once(current_app, task.row, arguments, task_id=token, queue=queue, username=user)

    def page_of_sent(self, token: str) -> str:
        return reverse("admin:django_celery_results_taskresult_changelist", query={"q": token})
