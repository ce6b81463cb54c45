"""The page of API tokens: a new one is shown once, and those that are there can be revoked."""

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import widgets
from djtaskq_monitor.api import tokens
from djtaskq_monitor.api.models import ApiToken

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[ApiToken]
else:  # generic for the type checker alone
    _ModelAdmin = admin.ModelAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(_ModelAdmin):
    """Everybody makes tokens of their own: one of somebody else's would do what that one may."""

    list_display = ("name", "user", "scope", "begins_with", "state", "ends", "last_used")
    list_select_related = ("user",)
    fields = ("name", "scope", "expires")
    readonly_fields = ("user", "begins_with", "state", "made", "last_used")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:  # noqa: ARG002
        return self.fields if obj is None else (*(self.fields or ()), *self.readonly_fields)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """What a token may do stays as it was when somebody gave it away."""
        return obj is None and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: Any) -> None:
        made = tokens.make()
        obj.user, obj.key, obj.digest = cast("Any", request.user), made.key, made.digest
        super().save_model(request, obj, form, change)
        shown = _("The token, which is shown this once: %s")
        messages.warning(request, format_html(str(shown) % "{}", made.text))

    @admin.action(description=_("Revoke"), permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for row in queryset:
            tokens.revoke(row)
            self.log_change(request, row, "Revoked.")
        messages.success(request, _("They open nothing any more."))

    @admin.display(description=_("begins with"))
    def begins_with(self, row: ApiToken) -> str:
        return f"{tokens.BEGINS}_{row.key}"

    @admin.display(description=_("status"))
    def state(self, row: ApiToken) -> str:
        return row.problem() or str(_("valid"))

    @admin.display(description=_("created"), ordering="created")
    def made(self, row: ApiToken) -> str:
        return widgets.when(row.created)

    @admin.display(description=_("expires"), ordering="expires")
    def ends(self, row: ApiToken) -> str:
        return widgets.when(row.expires)

    @admin.display(description=_("last used"), ordering="used")
    def last_used(self, row: ApiToken) -> str:
        return widgets.when(row.used)
