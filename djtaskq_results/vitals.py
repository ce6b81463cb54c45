"""Whether anything about results stands still: chords, and what people began in the background."""

import datetime as dt
from collections.abc import Iterator

from django.db import router
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from djtaskq.db.clock import now
from djtaskq.vitals import Level, Vital, page
from djtaskq_results.models import Chord, Operation

# The oldest chords, and the newest operations, are looked at.
_MOST = 1_000
# Workers sweep up what a finisher left behind well within this time.
_LEFT = dt.timedelta(minutes=2)


def read() -> Iterator[Vital]:
    """Three statements."""
    using = router.db_for_read(Operation)
    at = now(using)
    yield from _operations(using, at)
    yield from _chords(using, at)


def _operations(using: str, at: dt.datetime) -> Iterator[Vital]:
    newest = Operation.objects.using(using).order_by("-created_at")[:_MOST]
    held = Q(held_until__gte=at) | Q(created_at__gte=at - _LEFT)
    found = newest.aggregate(
        open=Count("pk", filter=Q(ended_at=None)), still=Count("pk", filter=Q(ended_at=None) & ~held)
    )
    if not found["open"]:
        return
    said = ngettext(
        "%d operation on results is at work.", "%d operations on results are at work.", found["open"]
    )
    said = said % found["open"]
    if found["still"]:
        said = ngettext(
            "%d operation on results stands still: its page lets it go on.",
            "%d operations on results stand still: the page of each lets it go on.",
            found["still"],
        )
        said = said % found["still"]
    yield Vital(
        name="operations",
        label=_("Operations"),
        level=Level.WARNING if found["still"] else Level.WELL,
        said=said,
        value=found["still"],
        url=page("djtaskq_results_operation_changelist"),
    )


def _chords(using: str, at: dt.datetime) -> Iterator[Vital]:
    """A chord that was claimed and is still there: whoever was to send its body died."""
    oldest = Chord.objects.using(using).order_by("created_at")[:_MOST]
    left = oldest.aggregate(left=Count("pk", filter=Q(claimed_until__lt=at - _LEFT)))["left"]
    if left:
        said = ngettext(
            "%d chord has all its parts and its body was not sent: is a worker running?",
            "%d chords have all their parts and their bodies were not sent: is a worker running?",
            left,
        )
        yield Vital(name="chords", label=_("Chords"), level=Level.WARNING, said=said % left, value=left)
