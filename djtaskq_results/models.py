from django.db import models
from django.utils.translation import gettext_lazy as _

from djtaskq.db.fields import InstantField

ID_LENGTH = 255


class Chord(models.Model):
    """What django-celery-results' `ChordCounter` has no column for: the body, and who is about to send it.

    The count itself stays in `ChordCounter`, so that workers on either backend count one chord together.
    """

    group_id = models.CharField(_("group ID"), max_length=ID_LENGTH, unique=True)
    content_type = models.CharField(max_length=128, default="")
    content_encoding = models.CharField(max_length=64, default="")
    body = models.TextField(_("body"), null=True)  # noqa: DJ001  no body is known, which is not an empty one
    created_at = InstantField(_("created"), db_index=True)
    claimed_until = InstantField(_("claimed until"), null=True)

    class Meta:
        verbose_name = _("chord")
        verbose_name_plural = _("chords")

    def __str__(self) -> str:
        return self.group_id


class ChordPart(models.Model):
    """One part of a chord that was counted: its unique key is what makes a part count once.

    `position` is the part's index in the header; -1 if the message had none, -2 for the announcement of a
    part that joins later. `result` is empty where the task's own row has it.
    """

    group_id = models.CharField(max_length=ID_LENGTH)
    task_id = models.CharField(max_length=ID_LENGTH)
    position = models.IntegerField()
    state = models.CharField(max_length=50)
    content_type = models.CharField(max_length=128, default="")
    content_encoding = models.CharField(max_length=64, default="")
    result = models.TextField(null=True)  # noqa: DJ001  the result is elsewhere, which is not an empty one

    class Meta:
        verbose_name = _("chord part")
        verbose_name_plural = _("chord parts")
        constraints = (
            models.UniqueConstraint(
                fields=("group_id", "task_id", "position"), name="djtaskq_results_part_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.group_id}: {self.task_id}"


class TaskDetail(models.Model):
    """What django-celery-results' `TaskResult` has no column for; one row for a task, found by its id.

    Written where `DJTASKQ["RESULTS_DETAILS"]` is on. None stands for what the message did not say.
    """

    task_id = models.CharField(_("task ID"), max_length=ID_LENGTH)
    root_id = models.CharField(_("root ID"), max_length=ID_LENGTH, null=True)  # noqa: DJ001
    parent_id = models.CharField(_("parent ID"), max_length=ID_LENGTH, null=True)  # noqa: DJ001
    group_id = models.CharField(_("group ID"), max_length=ID_LENGTH, null=True)  # noqa: DJ001
    group_index = models.IntegerField(_("position in the group"), null=True)
    queue = models.CharField(_("queue"), max_length=ID_LENGTH, null=True)  # noqa: DJ001
    routing_key = models.CharField(_("routing key"), max_length=ID_LENGTH, null=True)  # noqa: DJ001
    priority = models.IntegerField(_("priority"), null=True)
    retries = models.IntegerField(_("retries"), default=0)
    # How often a worker said that it started the task: none says so without task_track_started.
    attempts = models.IntegerField(_("attempts"), default=0)
    sent_at = InstantField(_("sent"), null=True)
    received_at = InstantField(_("received by the worker"), null=True)
    eta = InstantField(_("not before"), null=True)
    expires_at = InstantField(_("expires"), null=True)
    # JSON in the form of Celery's serializer; as text, since PostgreSQL's jsonb refuses a NUL in a string.
    args = models.TextField(_("arguments"), null=True)  # noqa: DJ001
    kwargs = models.TextField(_("keyword arguments"), null=True)  # noqa: DJ001
    created_at = InstantField(_("first written"))

    class Meta:
        verbose_name = _("task detail")
        verbose_name_plural = _("task details")
        constraints = (models.UniqueConstraint(fields=("task_id",), name="djtaskq_results_detail_once"),)
        # Not by `db_index`, which on PostgreSQL makes a second index for LIKE.
        indexes = (
            models.Index(fields=("root_id",), name="djtaskq_results_detail_root"),
            models.Index(fields=("parent_id",), name="djtaskq_results_detail_parent"),
            models.Index(fields=("group_id",), name="djtaskq_results_detail_group"),
            models.Index(fields=("created_at",), name="djtaskq_results_detail_created"),
        )

    def __str__(self) -> str:
        return self.task_id


class RetentionMark(models.Model):
    """How far results were cleaned up under one and the same rules, so that the next round goes on there.

    `swept_at`: what had expired by then is gone; `looked_at`: when all old rows were looked at last.
    """

    rules = models.CharField(max_length=64, unique=True)
    swept_at = InstantField()
    looked_at = InstantField()

    class Meta:
        verbose_name = _("retention mark")
        verbose_name_plural = _("retention marks")

    def __str__(self) -> str:
        return self.rules
