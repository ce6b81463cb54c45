"""What to do with the slots that passed: pure arithmetic, bounded however long the gap was.

`decide` answers which of the slots that are due are to run; `delay` how long after its slot a run goes out.
Overlap needs to know the run before, and is judged where that is known.
"""

import dataclasses
import datetime as dt
import enum
import hashlib

from djtaskq_beat.occurrences import Occurrences

# Up to here a slot is on time: ten thousand that fall due together take a while to claim.
ON_TIME = dt.timedelta(seconds=60)
# A beat this much behind was busy for a moment, not away: slots of a second apart are all to run.
BUSY = dt.timedelta(seconds=2)
_TICK = dt.timedelta(microseconds=1)


class CatchUp(enum.StrEnum):
    """Which of several slots that passed are to run."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class Overlap(enum.StrEnum):
    """What to do at a slot while the run before it has not ended."""

    ALLOW = "allow"
    SKIP = "skip"
    REPLACE = "replace"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one periodic task runs where its schedule alone does not say.

    Of the slots that passed, `catch_up` runs by `latest` the last one, which is what django-celery-beat does;
    by `all` each, but at most the last `limit`; by `skip` none, unless it is on time. A slot more than
    `window` old runs in no case. Slots of the last two seconds were not missed: they run by every policy.

    `overlap`: what a run that has not ended does to the next one; after `overlap_limit` without a word it
    counts as ended. `jitter`: each run goes out up to this long after its slot. Until `paused_until` slots
    are skipped. A run that is published `late_after` its time raises an alert; None leaves that to the
    setting.
    """

    catch_up: CatchUp = CatchUp.LATEST
    limit: int = 100
    window: dt.timedelta | None = None
    overlap: Overlap = Overlap.ALLOW
    overlap_limit: dt.timedelta = dt.timedelta(hours=1)
    jitter: dt.timedelta = dt.timedelta()
    paused_until: dt.datetime | None = None
    late_after: dt.timedelta | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Missed:
    """The slots from `first` to `through` do not run: one record, since there may be millions.

    `skipped` where that was somebody's choice (a pause, an overlap) and nothing went wrong.
    """

    first: dt.datetime
    through: dt.datetime
    reason: str
    skipped: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the slots up to now, in order, and which slot is next."""

    run: tuple[dt.datetime, ...]
    missed: tuple[Missed, ...]
    next_slot: dt.datetime | None


def decide(schedule: Occurrences, due: dt.datetime, now: dt.datetime, policy: Policy) -> Decision:
    """What becomes of the slot `due` and of those that passed after it; `due` is not later than `now`.

    `due` was a slot when it was planned: it counts as one even if the schedule has changed since.
    """
    upcoming = schedule.next_after(now)
    latest = max(schedule.latest_until(now) or due, due)
    candidates = _candidates(schedule, due, latest, now, policy)
    run = tuple(slot for slot in candidates if not reason_against(slot, now, policy))
    missed: tuple[Missed, ...] = ()
    if not run:
        missed = (Missed(due, latest, reason_against(latest, now, policy)),)
    elif run[0] > due:
        before = max(schedule.latest_until(run[0] - _TICK) or due, due)
        reason = reason_against(before, now, policy) or _superseded(policy)
        missed = (Missed(due, before, reason),)
    return Decision(run, missed, upcoming)


def reason_against(slot: dt.datetime, now: dt.datetime, policy: Policy) -> str:
    """Why `slot` must not run as late as `now`; empty if it may."""
    late = now - slot
    if policy.window is not None and late > policy.window:
        return f"more than {policy.window} late, the window for catching up"
    if policy.catch_up is CatchUp.SKIP and late > ON_TIME:
        return "late, and the policy is to skip what is late"
    return ""


def delay(key: int, jitter: dt.timedelta) -> dt.timedelta:
    """How long after each slot the schedule `key` runs: from nothing up to `jitter`, in whole milliseconds.

    The same at every slot, so that the time from run to run stays that of the schedule; and spread evenly
    over the schedules, since it comes from a hash of the key.
    """
    milliseconds = jitter // dt.timedelta(milliseconds=1)
    if milliseconds <= 0:
        return dt.timedelta()
    drawn = int.from_bytes(hashlib.sha256(str(key).encode()).digest()[:8])
    return dt.timedelta(milliseconds=drawn % (milliseconds + 1))


def superseded(schedule: Occurrences, slot: dt.datetime, now: dt.datetime, policy: Policy) -> bool:
    """Whether a slot that was held up need not run any more, since a later one has passed."""
    if policy.catch_up is CatchUp.ALL or now - slot <= ON_TIME:
        return False
    following = schedule.next_after(slot)
    return following is not None and following <= now


def _candidates(
    schedule: Occurrences, due: dt.datetime, latest: dt.datetime, now: dt.datetime, policy: Policy
) -> list[dt.datetime]:
    most = policy.limit if policy.catch_up is CatchUp.ALL else 1
    slots = [latest]
    while slots[-1] > due:
        before = max(schedule.latest_until(slots[-1] - _TICK) or due, due)
        if len(slots) >= most and now - before > BUSY:
            break
        slots.append(before)
    return slots[::-1]


def _superseded(policy: Policy) -> str:
    if policy.catch_up is CatchUp.ALL:
        return f"beyond the last {policy.limit}, the limit for catching up"
    return "a later slot has passed, and the policy is to run the latest"
