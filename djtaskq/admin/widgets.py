"""The small parts that every page of the suite is made of: states, times, durations, long texts."""

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from djtaskq.outcomes import Link


class Look(NamedTuple):
    """How a state is shown: its colour's name and a sign, since colour alone tells some people nothing."""

    kind: str
    sign: str


_LOOKS = {
    "SUCCESS": Look("good", "✓"),
    "FAILURE": Look("bad", "✗"),
    "STARTED": Look("running", "▶"),
    "PROGRESS": Look("running", "▶"),
    "RETRY": Look("warning", "↻"),
    "REVOKED": Look("ended", "⊘"),
    "REJECTED": Look("ended", "⊘"),
    "CANCELLED": Look("ended", "⊘"),
    "IGNORED": Look("ended", "⊘"),
    "PENDING": Look("waiting", "…"),
    "RECEIVED": Look("waiting", "…"),
    "published": Look("good", "✓"),
    "claimed": Look("waiting", "…"),
    "skipped": Look("ended", "⊘"),
    "missed": Look("bad", "✗"),
    "online": Look("good", "●"),
    "lost": Look("bad", "✗"),
    "offline": Look("ended", "○"),
    "alive": Look("good", "●"),
    "silent": Look("bad", "✗"),
    "stopped": Look("ended", "○"),
    "failed": Look("bad", "✗"),
    "late": Look("warning", "!"),
    "overdue": Look("warning", "!"),
}
_OTHER = Look("running", "◆")

DASH = "–"
NO_BREAK = "\N{NO-BREAK SPACE}"
SHORT_ID = 13
WORTH_COPYING = 60
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3_600, 86_400, 31_557_600


def look_of(state: str) -> Look:
    """The look of a state; those that nobody knows share one."""
    return _LOOKS.get(state, _OTHER)


def state_badge(state: str) -> SafeString:
    """A state as a coloured word with a sign; states that nobody knows are shown as they are."""
    look = look_of(state)
    return badge(look.kind, look.sign, state)


def badge(kind: str, sign: str, text: str, remark: str = "") -> SafeString:
    """A coloured word with a sign, and a remark on hover; `kind` is a look's."""
    title = format_html(' title="{}"', remark) if remark else ""
    return format_html(
        '<span class="djtaskq-state djtaskq-state--{}"{}><span aria-hidden="true">{}</span> {}</span>',
        kind,
        title,
        sign,
        text,
    )


def when(instant: dt.datetime | None, now: dt.datetime | None = None) -> SafeString | str:
    """A time as people say it (“3 minutes ago”, “in 2 hours”), the exact one with its zone on hover."""
    if instant is None:
        return DASH
    if timezone.is_naive(instant):
        instant = timezone.make_aware(instant)
    local = timezone.localtime(instant)
    exact = f"{date_format(local, 'Y-m-d H:i:s')} {local.tzname()}"
    return format_html(
        '<time class="djtaskq-time" datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        exact,
        relative((instant - (now or dt.datetime.now(dt.UTC))).total_seconds()),
    )


def exactly(instant: dt.datetime | None, zone: dt.tzinfo | None = None) -> str:
    """A time to the second with its zone, in the current time zone unless another is given."""
    if instant is None:
        return DASH
    aware = instant if timezone.is_aware(instant) else timezone.make_aware(instant)
    local = timezone.localtime(aware, zone)
    return f"{date_format(local, 'Y-m-d H:i:s')} {local.tzname()}"


def relative(seconds: float) -> str:
    """`seconds` from now in the largest fitting unit; negative ones lie in the past."""
    away = abs(seconds)
    if away < 1:
        return _("now")
    if away < _MINUTE:
        span = ngettext("%d second", "%d seconds", int(away)) % int(away)
    elif away < _HOUR:
        span = ngettext("%d minute", "%d minutes", int(away // _MINUTE)) % (away // _MINUTE)
    elif away < _DAY:
        span = ngettext("%d hour", "%d hours", int(away // _HOUR)) % (away // _HOUR)
    elif away < _YEAR:
        span = ngettext("%d day", "%d days", int(away // _DAY)) % (away // _DAY)
    else:
        span = ngettext("%d year", "%d years", int(away // _YEAR)) % (away // _YEAR)
    return (_("in %s") if seconds > 0 else _("%s ago")) % span


def duration(seconds: float | None) -> str:
    """A length of time in at most two units: `350 ms`, `2.41 s`, `2 min 5 s`, `3 d 4 h`."""
    if seconds is None:
        return DASH
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f}{NO_BREAK}ms"
    if seconds < 10:  # noqa: PLR2004  below it, hundredths still tell something
        return f"{seconds:.2f}{NO_BREAK}s"
    left = round(seconds)
    parts = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{NO_BREAK}{unit}")
        elif parts:
            break
    return NO_BREAK.join(parts[:2])


def block(text: str) -> SafeString | str:
    """A long text as it is, in a box of its own that scrolls; one worth it has a button that copies it."""
    if not text:
        return DASH
    box = format_html('<pre class="djtaskq-block" data-copied>{}</pre>', text)
    return copyable(box) if len(text) >= WORTH_COPYING else box


def copyable(box: SafeString) -> SafeString:
    """A box of text, something in it marked `data-copied`, with a button that copies it."""
    return format_html('<div class="djtaskq-block-with-copy">{}{}</div>', box, copy_button())


def copy_button() -> SafeString:
    """A button that copies what is marked `data-copied` before it; `copy.js` shows it where that works."""
    return format_html(
        '<button type="button" class="djtaskq-copy" data-done="{}" hidden>{}</button>', _("Copied"), _("Copy")
    )


def pretty_json(value: Any) -> SafeString | str:
    """A JSON value indented; text that is no JSON stands as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return block(value)
    return block(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def linked(links: Iterable[Link]) -> SafeString | str:
    """Pages elsewhere about the same thing, side by side."""
    found = format_html_join(" · ", '<a href="{}">{}</a>', ((link.url, link.label) for link in links))
    return found or DASH


def stacked(first: str, second: str) -> SafeString:
    """A fact with a lesser one below it, in one column of a list."""
    return format_html("{}<br>{}", first, muted(second)) if second else format_html("{}", first)


def named_task(name: str | None, task_id: str) -> SafeString:
    """A task in a list: its name, and the first part of its id with the whole of it on hover."""
    short = task_id if len(task_id) <= SHORT_ID else f"{task_id[: SHORT_ID - 1]}…"
    shown = name or muted(_("no name"))
    return format_html(
        '{}<br><span class="djtaskq-muted djtaskq-number" title="{}">{}</span>', shown, task_id, short
    )


def ended(at: dt.datetime | None, seconds: float | None) -> SafeString:
    """When something happened last, and below it how long the task ran, if that is known."""
    return stacked(when(at), _("ran %s") % duration(seconds) if seconds is not None else "")


def muted(text: str) -> SafeString:
    """A remark beside the facts."""
    return format_html('<span class="djtaskq-muted">{}</span>', text)
