"""Lists with their filters under a name: one's own, and those that others share."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from djtaskq.db.text import storable
from djtaskq_monitor.models import SavedView

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # generic for the type checker alone
    _ModelAdmin = object

MOST, LONGEST = 50, 4_000
# Where in the list somebody is, and what an error left there.
_PLACES = frozenset(("after", "before", "p", "e", "o"))
_ACTIONS = ("share", "unshare", "delete")


class _Form(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    class Meta:
        model = SavedView
        fields = ("name", "query", "shared")

    def clean_name(self) -> str:
        return storable(self.cleaned_data["name"])

    def clean_query(self) -> str:
        pairs = parse_qsl(self.cleaned_data["query"][:LONGEST].lstrip("?"), max_num_fields=50)
        return urlencode([(name, storable(value)) for name, value in pairs if name not in _PLACES])


class SavedViews(_ModelAdmin):
    """Saved views of the list; a part of its admin class. `view_page` tells its views from other lists'."""

    view_page: str

    def get_urls(self) -> list[URLPattern]:
        views, name = self.admin_site.admin_view, f"djtaskq_monitor_{self.view_page}"
        return [
            path(
                "views/",
                views(require_POST(self.save_view_view)),
                name=f"djtaskq_monitor_{self.view_page}_save",
            ),
            path(
                "views/<int:pk>/<str:action>/",
                views(require_POST(self.change_view_view)),
                name=f"{name}_view",
            ),
            *super().get_urls(),
        ]

    def saved_views(self, request: HttpRequest) -> list[dict[str, Any]]:
        """What the list offers: one's own, then those that others share."""
        query = request.GET.copy()
        for name in _PLACES & query.keys():
            del query[name]
        own = Q(user_id=_key_of(request))
        found = SavedView.objects.filter(own | Q(shared=True), page=self.view_page).select_related("user")
        views = [(view.user_id == request.user.pk, view) for view in found.order_by("name")[: 2 * MOST]]
        return [
            {"view": view, "own": own, "current": sorted(parse_qsl(view.query)) == sorted(query.items())}
            for own, view in sorted(views, key=lambda pair: not pair[0])
        ]

    def save_view_view(self, request: HttpRequest) -> HttpResponse:
        own = self._own(request)
        form = _Form(request.POST)
        if not form.is_valid():
            messages.error(request, _("A saved view takes a name, of up to 255 characters."))
            return self._back(request.POST.get("query", "")[:LONGEST])
        name, query, shared = (form.cleaned_data[field] for field in ("name", "query", "shared"))
        if own.exclude(name=name).count() >= MOST:
            messages.error(request, _("You have %d saved views: delete one before.") % MOST)
        else:
            SavedView.objects.update_or_create(
                user_id=_key_of(request),
                page=self.view_page,
                name=name,
                defaults={"query": query, "shared": shared},
            )
            messages.success(request, _("Saved as “%s”.") % name)
        return self._back(query)

    def change_view_view(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Share, unshare or delete one of one's own; nobody else's can be told from none."""
        view = self._own(request).filter(pk=pk).first()
        if view is None or action not in _ACTIONS:
            raise Http404
        if action == "delete":
            view.delete()
        else:
            view.shared = action == "share"
            view.save(update_fields=["shared"])
        return self._back("" if action == "delete" else view.query)

    def _own(self, request: HttpRequest) -> QuerySet[SavedView]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return SavedView.objects.filter(user_id=_key_of(request), page=self.view_page)

    def _back(self, query: str) -> HttpResponse:
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        pairs = urlencode(parse_qsl(query.lstrip("?"), max_num_fields=50))
        return HttpResponseRedirect(f"{url}?{pairs}" if pairs else url)


def _key_of(request: HttpRequest) -> Any:
    return request.user.pk
