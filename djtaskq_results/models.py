import uuid

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


class Operation(models.Model):
    """Something that a person does to many results in the background: what, to which, and how far it is.

    `criteria` says which rows (`{"query": "…"}` as a list's address has it, or `{"ids": […]}`), none newer
    than `last_pk`; it goes through them by key, and `reached` is the last key that is done. One runner at a
    time holds it, until `held_until`. It is over once `ended_at` is set.
    """

    class Kind(models.TextChoices):
        RUN_AGAIN = "run_again", _("run again")
        REVOKE = "revoke", _("revoke")
        TERMINATE = "terminate", _("terminate")
        FORGET = "forget", _("forget")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("what"), max_length=20, choices=Kind.choices)
    criteria = models.JSONField(_("which"), default=dict)
    options = models.JSONField(_("how"), default=dict)
    username = models.CharField(_("who"), max_length=255)
    last_pk = models.BigIntegerField(default=0)
    reached = models.BigIntegerField(default=0)
    expected = models.BigIntegerField(_("results that matched"), null=True)
    done = models.BigIntegerField(_("done"), default=0)
    skipped = models.BigIntegerField(_("left out"), default=0)
    problem = models.TextField(_("problem"), default="", blank=True)
    runner = models.UUIDField(null=True, editable=False)
    held_until = InstantField(null=True)
    created_at = InstantField(_("begun"), db_index=True)
    ended_at = InstantField(_("ended"), null=True)
    stopped = models.BooleanField(_("stopped by hand"), default=False)

    class Meta:
        verbose_name = _("operation on results")
        verbose_name_plural = _("operations on results")
        permissions = (
            ("run_task_again", _("Can run tasks again")),
            ("revoke_task", _("Can revoke tasks")),
            ("terminate_task", _("Can terminate tasks")),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.id})"


class Rerun(models.Model):
    """A task that was sent again by hand: which one, and as which."""

    original_id = models.CharField(_("task ID"), max_length=ID_LENGTH)
    task_id = models.CharField(_("sent again as"), max_length=ID_LENGTH)
    username = models.CharField(_("who"), max_length=255)
    sent_at = InstantField(_("sent"))

    class Meta:
        verbose_name = _("task run again")
        verbose_name_plural = _("tasks run again")
        constraints = (models.UniqueConstraint(fields=("task_id",), name="djtaskq_results_rerun_once"),)
        indexes = (
            models.Index(fields=("original_id",), name="djtaskq_results_rerun_of"),
            models.Index(fields=("sent_at",), name="djtaskq_results_rerun_sent"),
        )

    def __str__(self) -> str:
        return f"{self.original_id} → {self.task_id}"
