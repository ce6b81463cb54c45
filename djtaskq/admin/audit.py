"""The admin's log as an audit: what somebody is about to do stands in it before it is done.

An entry is written ahead, and completed with what came of it: one that was never completed tells that the
process ended in between, and that nobody knows.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import router, transaction
from django.db.models import Model
from django.http import HttpRequest

LONGEST = 2_000
_REPR = 200


class Action(NamedTuple):
    """One entry, to be read: who did what, to what, when."""

    at: dt.datetime
    username: str
    text: str
    object_repr: str


class Written:
    """Entries that were written ahead; `complete` says how it ended."""

    def __init__(self, text: str, entries: Mapping[Any, LogEntry]) -> None:
        self._text = text
        self._entries = entries

    def complete(self, outcome: str) -> None:
        """The same outcome for all of them."""
        self.complete_each(dict.fromkeys(self._entries, outcome))

    def complete_each(self, outcomes: Mapping[Any, str]) -> None:
        """What came of it for each object, by its key; those that are not named stay as they are."""
        keys: dict[str, list[Any]] = {}
        for key, outcome in outcomes.items():
            if key in self._entries:
                keys.setdefault(outcome, []).append(self._entries[key].pk)
        with transaction.atomic(using=_alias()):
            for outcome, pks in keys.items():
                message = f"{self._text}: {outcome}"[:LONGEST]
                LogEntry.objects.using(_alias()).filter(pk__in=pks).update(change_message=message)


def write(
    request: HttpRequest, rows: Sequence[Model], text: str, *, flag: int = CHANGE, model: Any = None
) -> Written:
    """Say in the log that `request.user` is about to do `text` to these rows.

    What is done to all there are, named or not, is done to no row: give the `model` then.
    """
    user: Any = request.user  # a person who may log in here
    message = f"{text}: under way"[:LONGEST]
    entries: dict[Any, LogEntry] = {}
    # One by one, since not every database tells the keys of many rows; in one transaction that costs little.
    with transaction.atomic(using=_alias()):
        for key, object_id, shown, of in _objects(rows, model):
            entry = LogEntry(
                user_id=user.pk,
                content_type=ContentType.objects.db_manager(_alias()).get_for_model(of),
                object_id=object_id,
                object_repr=shown[:_REPR],
                action_flag=flag,
                change_message=message,
            )
            entry.save(using=_alias())
            entries[key] = entry
    return Written(text[:LONGEST], entries)


def _objects(rows: Sequence[Model], model: Any) -> Iterable[tuple[Any, str | None, str, Any]]:
    if rows:
        return [(row.pk, str(row.pk), str(row), row) for row in rows]
    return [(None, None, f"all {model._meta.verbose_name_plural}", model)]


def recent(model: Any, pk: Any = None, *, most: int = 10) -> list[Action]:
    """The latest actions on rows of `model`, or on one of them and on all there are; the latest first."""
    kind = ContentType.objects.db_manager(_alias()).get_for_model(model)
    entries = LogEntry.objects.using(_alias()).filter(content_type=kind).select_related("user")
    if pk is not None:
        of_all = entries.filter(object_id=None).order_by("-pk")[:most]
        own = entries.filter(object_id=str(pk)).order_by("-pk")[:most]
        found = sorted([*own, *of_all], key=lambda entry: entry.pk, reverse=True)[:most]
    else:
        found = list(entries.order_by("-pk")[:most])
    return [
        Action(entry.action_time, entry.user.get_username(), entry.get_change_message(), entry.object_repr)
        for entry in found
    ]


def _alias() -> str:
    return router.db_for_write(LogEntry)
