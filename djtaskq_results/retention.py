"""Taking expired rows away: which ones by the settings, and how many went."""

import dataclasses
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db import models
from django.utils import timezone
from django_celery_results.models import GroupResult, TaskResult

from djtaskq.conf import conf
from djtaskq.db import clock
from djtaskq_results import chords, marks
from djtaskq_results.ages import LONGEST
from djtaskq_results.database import writing_to
from djtaskq_results.lifetimes import Age, Lifetimes, Rule, group_age, lifetimes
from djtaskq_results.models import TaskDetail
from djtaskq_results.pace import Pace
from djtaskq_results.spans import Span, spans
from djtaskq_results.sweeping import Eraser, Row, walk

_MOST_CHORDS = 1_000
_NEVER = dt.timedelta(0)

Told = Callable[[int], object]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What expires when: results by their rules, the rows of groups and of chords by an age.

    `standing`: it is the settings' own, so that the next round goes on where this one has come to.
    """

    tasks: Lifetimes
    groups: Age
    chords: Age
    standing: bool = True


@dataclasses.dataclass(kw_only=True, slots=True)
class Expired:
    """How many rows went; `protected`: could not, since others refer to them; `longest` batch in seconds."""

    tasks: int = 0
    groups: int = 0
    chords: int = 0
    protected: int = 0
    longest: float = 0.0


class Page(NamedTuple):
    """A page of old rows: how many, and those of them that have expired, each with its rule."""

    looked_at: int
    expired: list[tuple[Any, Rule]]


def policy(celery: Any, expires: object) -> Policy:
    """The policy of the settings: `celery` is an app's configuration, `expires` its `result_expires`.

    Raises `InvalidRetention`.
    """
    setting = conf().RESULTS_RETENTION
    otherwise = _by_celery(expires, _NEVER)
    failures = _by_celery(celery.get("result_failure_expires"), otherwise)
    unended = _by_celery(celery.get("result_chord_expires"), otherwise)
    return Policy(
        tasks=lifetimes(setting, otherwise=otherwise or None, failures=failures or None),
        groups=group_age(setting, otherwise or None),
        chords=unended or None,
    )


def policy_of_one_age(age: dt.timedelta, states: Sequence[str], tasks: Sequence[str]) -> Policy:
    """All results older than `age`, or those of these states and task names alone, and groups if of all.

    Raises `InvalidRetention`.
    """
    each: Any = dict.fromkeys(states, age)
    setting = {"tasks": dict.fromkeys(tasks, each or age)} if tasks else {"states": each}
    rest = None if states or tasks else age
    rules = lifetimes(setting, otherwise=rest, failures=rest)
    return Policy(tasks=rules, groups=rest, chords=None, standing=False)


def expire(policy: Policy, *, everything: bool = False, told: Told = lambda _: None) -> Expired:
    """Delete what has expired; `everything`: look at all old rows, whatever earlier rounds have seen.

    `told` hears of how many rows more were looked at. What was deleted stays so if this is stopped.
    """
    expired = Expired()
    if policy.tasks.ages:
        _expire_tasks(policy, expired, everything=everything, told=told)
    if policy.groups:
        _expire_groups(policy.groups, expired, told)
    if policy.chords:
        expired.chords = _expire_chords(policy.chords)
    return expired


def survey(policy: Policy, most: int, *, told: Told = lambda _: None) -> tuple[Counter[str], bool]:
    """How many rows each rule would take, by its name; and whether all were looked at, or `most` before."""
    found: Counter[str] = Counter()
    looked_at = 0
    for page in _old(TaskResult, policy.tasks, _now(), None):
        looked_at += page.looked_at
        told(page.looked_at)
        found.update(rule.name for _key, rule in page.expired)
        if looked_at >= most:
            return found, False
    for page in _old(GroupResult, _of_groups(policy.groups), _now(), None):
        found["groups"] += len(page.expired)
    return found, True


class _Results(Eraser):
    """Results go with what is kept beside them."""

    columns = ("task_id",)

    def __init__(self, before: dt.datetime) -> None:
        super().__init__(TaskResult, before)
        self._details = writing_to(TaskDetail, lambda using: TaskDetail.objects.using(using).exists())

    def beside(self, rows: Sequence[Row], using: str) -> None:
        if self._details:
            TaskDetail.objects.using(using).filter(task_id__in=[task_id for _key, task_id in rows]).delete()


def _expire_tasks(policy: Policy, expired: Expired, *, everything: bool, told: Told) -> None:
    rules, now = policy.tasks, _now()
    remembers = policy.standing and not everything
    since = marks.swept_at(rules.fingerprint, now) if remembers else None
    eraser = _Results(_stored(now - min(rules.ages)))
    _erase(eraser, _old(TaskResult, rules, now, since), told)
    if eraser.complete() and policy.standing:
        marks.note(rules.fingerprint, now, looked_at_all=since is None)
    expired.tasks = eraser.deleted
    _count(eraser, expired)


def _expire_groups(age: dt.timedelta, expired: Expired, told: Told) -> None:
    now = _now()
    eraser = Eraser(GroupResult, _stored(now - age))
    _erase(eraser, _old(GroupResult, _of_groups(age), now, None), told)
    expired.groups = eraser.deleted
    _count(eraser, expired)


def _expire_chords(age: dt.timedelta) -> int:
    """Forget chords that never came to their end."""
    chords.adopt()
    forgotten, pace = 0, Pace(_MOST_CHORDS)
    while ids := chords.begun_before(age, pace.size):
        began = time.perf_counter()
        chords.end(ids)
        pace.took(len(ids), time.perf_counter() - began)
        forgotten += len(ids)
    return forgotten


def _erase(eraser: Eraser, pages: Iterator[Page], told: Told) -> None:
    for page in pages:
        eraser.delete([key for key, _rule in page.expired])
        told(page.looked_at)


def _count(eraser: Eraser, expired: Expired) -> None:
    expired.protected += eraser.protected
    expired.longest = max(expired.longest, eraser.longest)


def _old(
    model: type[models.Model], rules: Lifetimes, now: dt.datetime, since: dt.datetime | None
) -> Iterator[Page]:
    """The rows that have reached an age since a round at `since`, in pages, with those that have expired."""
    limits = {age: _stored(now - age) for age in rules.ages}
    columns = () if rules.by_age_alone else ("status", "task_name")
    for after, until in spans(rules.ages, now, since):
        for rows in walk(model, Span(after and _stored(after), _stored(until)), columns):
            yield Page(len(rows), list(_expired(rows, rules, limits)))


def _expired(
    rows: list[Row], rules: Lifetimes, limits: dict[dt.timedelta, dt.datetime]
) -> Iterator[tuple[Any, Rule]]:
    for key, done, *about in rows:
        rule = rules.rule(*about) if about else rules.otherwise
        if rule.age is not None and done < limits[rule.age]:
            yield key, rule


def _of_groups(age: Age) -> Lifetimes:
    return Lifetimes({}, [], Rule("groups", age))


def _by_celery(value: object, default: dt.timedelta) -> dt.timedelta:
    """One of Celery's settings as a timedelta; zero means never there, as nothing and a lifetime do."""
    if value is None:
        return default
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else float(str(value))
    return dt.timedelta(seconds=seconds) if 0 < seconds <= LONGEST.total_seconds() else _NEVER


def _now() -> dt.datetime:
    """The database's time: a machine whose clock is wrong must not delete what is young."""
    return writing_to(TaskResult, clock.now)


def _stored(instant: dt.datetime) -> dt.datetime:
    """As the columns of django-celery-results give their times."""
    return instant if settings.USE_TZ else timezone.make_naive(instant)
