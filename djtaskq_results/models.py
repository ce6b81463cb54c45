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
