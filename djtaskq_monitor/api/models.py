"""The tokens that machines show to the HTTP API."""

import datetime as dt
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djtaskq.db.fields import InstantField


class ApiToken(models.Model):
    """A token: it may do what its user may, as far as its scope goes.

    `key` is the part that it is found by and told apart from others; of the rest there is only the digest.
    """

    READ, CONTROL = "read", "control"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100)
    scope = models.CharField(
        _("scope"),
        max_length=16,
        default=READ,
        choices=[(READ, _("read")), (CONTROL, _("read and control"))],
    )
    key = models.CharField(_("begins with"), max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created = InstantField(_("created"), default=timezone.now, editable=False)
    expires = InstantField(_("expires"), null=True, blank=True)
    revoked = InstantField(_("revoked"), null=True, editable=False)
    used = InstantField(_("last used"), null=True, editable=False)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created"]
        permissions = (("send_task", _("Can send tasks through the API")),)

    def __str__(self) -> str:
        return self.name

    def problem(self, now: dt.datetime | None = None) -> str:
        """Why it opens nothing any more; empty if it does."""
        if self.revoked is not None:
            return "The token was revoked."
        if self.expires is not None and self.expires <= (now or timezone.now()):
            return "The token has expired."
        return "" if self.user.is_active else "The token's user may not log in any more."
