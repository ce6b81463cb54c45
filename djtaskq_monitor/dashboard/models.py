"""What pages need a name, a permission or a row for."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from djtaskq_monitor.recording.events import NAME_LENGTH
from djtaskq_monitor.statistics.models import Series


class Dashboard(Series):
    """No rows of its own: a place on the admin's index, and the permission to look at it."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")


class TaskName(Series):
    """Tasks of one name, as statistics know them."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("task name")
        verbose_name_plural = _("task names")

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """A list with its filters, which somebody gave a name: `query` is what stands behind the `?` of its URL.

    A shared one is seen by everybody who may see the list.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user")
    )
    page = models.CharField(_("page"), max_length=64)
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    query = models.TextField(_("filters"))
    shared = models.BooleanField(_("shared"), default=False)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "page", "name"], name="djtaskq_monitor_saved_view_name")
        ]

    def __str__(self) -> str:
        return self.name
