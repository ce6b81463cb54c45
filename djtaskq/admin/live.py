"""Pages that are asked for again and again, and answer at once where nothing has changed.

`live.js` asks for the page that it is on, with `HEADER` and the tag of what it has. A view says with a cheap
fingerprint (one or two statements that an index answers) whether the page would look the same.
"""

import functools
import hashlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import get_language

HEADER = "X-Djtaskq-Live"

Fingerprint = Callable[..., Any]
_View = TypeVar("_View", bound=Callable[..., HttpResponse])


def is_live(request: HttpRequest) -> bool:
    """Whether a page asks on its own, and not a person."""
    return request.method == "GET" and HEADER in request.headers


def every(seconds: float) -> int:
    """A part of a fingerprint that changes every so many seconds, for what grows old without a write."""
    return int(time.time() // seconds)


def unless_unchanged(
    request: HttpRequest, fingerprint: Callable[[], Any], page: Callable[[], HttpResponse]
) -> HttpResponse:
    """The page, or 304 where whoever asks has it already. Ask for permission before.

    The fingerprint is anything whose `repr` tells one state of the page from another. To the first asking and
    to people it is not worked out.
    """
    if not is_live(request):
        return page()
    tag = _tag(request, fingerprint())
    if tag in parse_etags(request.headers.get("If-None-Match", "")):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = page()
        _keep_messages(request, response)
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, (HEADER, "Cookie"))
    return response


def live(fingerprint: Fingerprint) -> Callable[[_View], _View]:
    """Decorate a view whose page is live; `fingerprint` takes what the view takes."""

    def decorate(view: _View) -> _View:
        @functools.wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return unless_unchanged(
                request,
                functools.partial(fingerprint, request, *args, **kwargs),
                functools.partial(view, request, *args, **kwargs),
            )

        return answer  # type: ignore[return-value]  # it takes and returns what the view does

    return decorate


def _tag(request: HttpRequest, fingerprint: Any) -> str:
    """A page differs by who looks, in which language and zone, and with which filters."""
    parts = (
        getattr(request.user, "pk", None),
        request.get_full_path(),
        get_language(),
        timezone.get_current_timezone_name(),
        fingerprint,
    )
    return f'"{hashlib.blake2s(repr(parts).encode(errors="replace"), digest_size=12).hexdigest()}"'


def _keep_messages(request: HttpRequest, response: HttpResponse) -> None:
    """Leave messages to the next page that a person opens: the template has read them, and nobody saw it.

    What this request itself added is dropped: it would be added again with each refresh.
    """

    def unread(_response: object) -> None:
        storage: Any = messages.get_messages(request)
        storage.used = storage.added_new = False

    if isinstance(response, TemplateResponse) and not response.is_rendered:
        response.add_post_render_callback(unread)
    else:
        unread(response)


class LiveAdmin:
    """A part of an admin class whose list, and whose pages, are live; the list as a whole by itself."""

    live = True

    def live_fingerprint(self, request: HttpRequest, object_id: str | None = None) -> Any:  # noqa: ARG002  for those that know
        """What tells one state of the list, or of the page of `object_id`, from another.

        Without one, a page that is asked for is made anew each time.
        """
        return time.time_ns()

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        page = functools.partial(super().changelist_view, request, *args, **kwargs)  # type: ignore[misc]
        return self.answered(request, None, page)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        page = functools.partial(super().changeform_view, request, object_id, *args, **kwargs)  # type: ignore[misc]
        return self.answered(request, object_id, page)

    def answered(
        self, request: HttpRequest, object_id: str | None, page: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """The page, or 304: for a view of the admin class that does not come by here."""
        if not self.has_view_or_change_permission(request):  # type: ignore[attr-defined]
            return page()  # which refuses, or knows better
        return unless_unchanged(request, lambda: self.live_fingerprint(request, object_id), page)
