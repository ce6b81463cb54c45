"""What changed past Django's signals, found by the database itself.

Triggers mark it as it happens. What can still get past them (a table that was loaded with triggers switched
off, a restored backup) is found by a sweep through the rows, a slice each time. Where the triggers are not
there, every row is compared every time.
"""

import dataclasses
import random
from typing import Any

from celery.utils.log import get_logger
from django.db.models import Exists, F, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import LatestRun, NextRun
from djtaskq_beat.rows import fingerprint
from djtaskq_beat.triggers import ask_active

logger = get_logger("celery.beat")
MOST = 10_000
SLICE = 5_000
_SLICES = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """Periodic tasks by their keys: those above `above`, up to `upto`; None for no bound.

    To be asked of every table of a join: of a range in one, no database infers that of the other.
    """

    above: int | None = None
    upto: int | None = None

    def of(self, rows: QuerySet[Any], key: str = "pk") -> QuerySet[Any]:
        bounds = {f"{key}__gt": self.above, f"{key}__lte": self.upto}
        return rows.filter(**{bound: value for bound, value in bounds.items() if value is not None})


ALL = Keys()


class Reconciliation:
    """Looks for one beat for what changed unmarked; its memory is how far the sweep came."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._above: int | None = None
        self._begun = False
        self._had_triggers: bool | None = None

    def __call__(self) -> int:
        """Mark what was added, changed or deleted; returns how many rows.

        With triggers six statements over at most 5,000 rows, however many there are; again at once if there
        was something to find, up to three times. Without them `reconcile` over all rows.
        """
        if not self._has_triggers():
            return reconcile(self._using)
        if not self._begun:
            # Beats that are restarted often, or that run side by side, do not all sweep the same rows.
            self._above = random.randint(0, _highest(self._using))  # noqa: S311  no secret
            self._begun = True
        found = 0
        for _ in range(_SLICES):
            keys = _slice(self._using, self._above)
            self._above = keys.upto
            swept = reconcile(self._using, keys)
            found += swept
            at_the_end = keys.upto is None and keys.above is not None
            if not swept and not at_the_end:
                break
        return found

    def _has_triggers(self) -> bool:
        has, had = ask_active(self._using), self._had_triggers
        if not has and had is not False:
            logger.warning(
                "beat: the triggers that tell of changes %s: until they are, all periodic tasks are compared "
                "every time. Run manage.py migrate; manage.py check --database %s says more.",
                "are not in the database" if had is None else "are no longer in the database",
                self._using,
            )
        elif has and had is False:
            logger.info("beat: the triggers that tell of changes are in the database")
        self._had_triggers = has
        return has


def reconcile(using: str, keys: Keys = ALL) -> int:
    """Mark what was added, changed or deleted and is not marked; returns how many rows.

    Four statements, and three more for what they find, at most 10,000 rows at once: whatever is left is
    found the next time.
    """
    return _expect_new(using, keys) + _mark_changed(using, keys) + _forget_deleted(using, keys)


def reconcile_all(using: str) -> None:
    """The same for all rows, slice by slice."""
    keys = _slice(using, None)
    reconcile(using, keys)
    while keys.upto is not None:
        keys = _slice(using, keys.upto)
        reconcile(using, keys)


def _slice(using: str, above: int | None) -> Keys:
    """The next 5,000 periodic tasks above a key with all keys between them; at the end, whatever is left."""
    tasks = Keys(above).of(PeriodicTask._default_manager.using(using))
    last = tasks.order_by("pk").values_list("pk", flat=True)[SLICE - 1 : SLICE]
    return Keys(above, next(iter(last), None))


def _highest(using: str) -> int:
    keys = PeriodicTask._default_manager.using(using).order_by("-pk").values_list("pk", flat=True)
    return keys.first() or 0


def _expect_new(using: str, keys: Keys) -> int:
    known = keys.of(NextRun.objects.using(using)).filter(pk=OuterRef("pk"))
    tasks = keys.of(PeriodicTask._default_manager.using(using)).filter(~Exists(known), enabled=True)
    pks = list(tasks.values_list("pk", flat=True)[:MOST])
    if pks:
        NextRun.objects.using(using).expect(pks, just_made=False)
    return len(pks)


def _mark_changed(using: str, keys: Keys) -> int:
    tasks = keys.of(keys.of(PeriodicTask._default_manager.using(using)), "next_run__pk")
    planned = tasks.filter(next_run__changed_at=None, next_run__planned_from__gt="")
    compared = planned.annotate(
        current=fingerprint(),
        # MariaDB compares no column with an expression that has another collation.
        planned=Cast("next_run__planned_from", TextField()),
    )
    pks = list(compared.exclude(planned=F("current")).values_list("pk", flat=True)[:MOST])
    if pks:
        NextRun.objects.using(using).filter(pk__in=pks).mark_changed()
    return len(pks)


def _forget_deleted(using: str, keys: Keys) -> int:
    task = keys.of(PeriodicTask._default_manager.using(using)).filter(pk=OuterRef("pk"))
    forgotten = 0
    for rows in (NextRun.objects.using(using), LatestRun.objects.using(using)):
        pks = list(keys.of(rows).filter(~Exists(task)).values_list("pk", flat=True)[:MOST])
        if pks:
            rows.filter(pk__in=pks).delete()
        forgotten += len(pks)
    return forgotten
