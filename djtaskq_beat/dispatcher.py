"""One look at the timetable: claim what is due, publish it, stamp it, and say when to look again."""

import datetime as dt
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from celery.utils.log import get_logger
from django.db import DatabaseError, InterfaceError

from djtaskq.conf import conf
from djtaskq.db.claims import writing
from djtaskq.db.retry import translated
from djtaskq_beat import heartbeat, latest, pruning, reconciliation
from djtaskq_beat.afterwards import Refusal, counts_of, mirror, put_off, refuse, stamp, take_over, unpublished
from djtaskq_beat.alerting import sending
from djtaskq_beat.chores import Chore, Chores
from djtaskq_beat.following import follow
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.overlap import replaced_by, task_ids
from djtaskq_beat.publisher import Outcome, Publisher, outcome_of
from djtaskq_beat.reconciliation import Reconciliation
from djtaskq_beat.store import Batch, Claimer, Run, claim_due

logger = get_logger("celery.beat")
# However much is due, runs that another beat left behind get their turn within this time.
_PEEK_SECONDS = 2.0
_UNSENDABLE_SECONDS = 30
# Of the grace time: a beat that was stopped for longer leaves to others what it had claimed.
_LEASE = 0.8
# What is due may be locked: another beat has it, or a user's transaction is still open.
_LOCKED_SECONDS = 0.1
# While the broker is away, what people change is planned all the same.
_AWAY_SECONDS = 1.0


class Dispatcher:
    """The engine of one beat. Its memory only saves work: everything that counts is in the database."""

    def __init__(self, publisher: Publisher, *, using: str, name: str) -> None:
        self.using = using
        self.publisher = publisher
        self._claimer = Claimer(using, name, dt.timedelta(seconds=conf().BEAT_GRACE_SECONDS))
        self._unsettled: list[Outcome] = []
        self._uncounted: Counter[int] = Counter()
        self._clock = (dt.datetime.now(dt.UTC), time.monotonic())
        self._due_at = math.inf
        self._peeked_at = -math.inf
        self._look_for_changes = Reconciliation(using)
        self.heartbeat = heartbeat.Heartbeat(name, using=using)
        self._chores = Chores(
            [
                Chore(lambda: conf().BEAT_RECONCILE_SECONDS, self._reconcile),
                Chore(lambda: heartbeat.SECONDS, self._report),
                Chore(lambda: conf().BEAT_FOLLOW_SECONDS, lambda: follow(using)),
                Chore(lambda: latest.SECONDS, latest.LatestRuns(using).work),
                Chore(lambda: sending.SECONDS, sending.Sender(publisher.send, using=using).work),
                *(Chore(lambda: pruning.SECONDS, each.work) for each in pruning.rounds(using)),
            ]
        )

    def step(self) -> float:
        """Do what is to be done now; returns the seconds until there is more, 0 for at once.

        Two statements where nothing is due. Raises database errors; whatever was claimed before is safe.
        """
        clock = time.monotonic()
        if self._due_at > clock:
            self._settle()
        self._chores.do_one(idle=False)
        if clock < self._due_at or clock - self._peeked_at > _PEEK_SECONDS:
            forsaken = self._peek(clock)
            if forsaken and self.publisher.reachable():
                self._take_over()
        if self._due_at <= clock:
            # Slots stay unclaimed while the broker is away: once it is back, the catch-up policy decides.
            if not self.publisher.reachable():
                self._settle()
                self._say_set_aside(claim_due(self._claimer, changed_alone=True))
                return _AWAY_SECONDS
            return 0 if self._claim(clock) else _LOCKED_SECONDS
        self._settle()
        if self._chores.do_one(idle=True):
            return 0
        return max(self._due_at - time.monotonic(), 0)

    def close(self) -> None:
        """Record what a signal kept from being recorded, and release the broker's connection."""
        try:
            with translated(self.using):
                self._settle()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("beat: the last runs could not be stamped and may be sent twice: %s", error)
        self.heartbeat.stop()
        self.publisher.close()

    def _peek(self, clock: float) -> bool:
        """Look when the next row is due; returns whether runs wait for any beat to publish them."""
        self._peeked_at = clock
        wait = NextRun.objects.using(self.using).seconds_to_next()
        self._due_at = math.inf if wait is None else clock + wait
        forsaken = TaskRun.objects.using(self.using).seconds_to_forsaken()
        return forsaken is not None and forsaken <= 0

    def _claim(self, clock: float) -> int:
        """Claim, publish and stamp one batch; returns how many rows moved on."""
        # Should anything fail now, the next step looks again.
        self._due_at = math.inf
        batch = claim_due(self._claimer)
        self.heartbeat.claimed += len(batch.runs)
        self._set_clock(batch.now)
        self._say_set_aside(batch)
        self._dispatch(batch.runs, clock, more=batch.full)
        if batch.full:
            self._due_at = clock
        return batch.moved

    def _say_set_aside(self, batch: Batch) -> None:
        for name, error in batch.set_aside:
            logger.error("beat: %s cannot be scheduled and is set aside: %s", name, error)

    def _take_over(self) -> None:
        clock = time.monotonic()
        taken = take_over(self._claimer)
        self._set_clock(taken.now)
        refuse(self.using, taken.refusals)
        self._dispatch(taken.runs, clock)

    def _dispatch(self, runs: Sequence[Run], since: float, *, more: bool = False) -> None:
        """Publish and stamp runs that were claimed after `since`, of the monotonic clock.

        Where there are `more`, the broker may take its time with these until the next ones are claimed.
        """
        before, outcome = list(self._unsettled), outcome_of(runs)
        outcome.until = since + self._claimer.grace.total_seconds() * _LEASE
        if runs:
            self._unsettled.append(outcome)
        for earlier in before:
            self._settle_one(earlier)
        self._stop_replaced(runs)
        try:
            self.publisher.publish(outcome, self._now(), wait=not more)
        finally:  # on a signal, too: what went out is not to go out again
            if not outcome.under_way:
                self._settle()

    def _stop_replaced(self, runs: Sequence[Run]) -> None:
        """Stop what these take the place of: runs not yet published are given up, the others revoked."""
        limits = {run.record.periodic_task_id: run.replaces for run in runs if run.replaces is not None}
        if not limits:
            return
        records = [run.record for run in runs if run.record.periodic_task_id in limits]
        stopped = replaced_by(records, limits, self.using)
        refuse(
            self.using, [Refusal(run, TaskRun.State.SKIPPED, "a later run took its place") for run in stopped]
        )
        self.publisher.revoke(task_ids(stopped))

    def _settle(self) -> None:
        """Record what became of the last batches; once more if the database was away when it was to be."""
        if self._uncounted and not self._unsettled:
            self._unsettled.append(outcome_of(()))
        for outcome in list(self._unsettled):
            self._settle_one(outcome)

    def _settle_one(self, outcome: Outcome) -> None:
        if outcome.under_way:
            self.publisher.publish(outcome, self._now())
        left: Mapping[int, int] = {}
        ours, outcome.until = time.monotonic() <= outcome.until, -math.inf
        # In one transaction: a beat that is killed has stamped and counted a run, or neither.
        with writing(self.using):
            published: Sequence[Run] = outcome.published
            # The second time the first may have been committed, if a signal or a lost connection hid that.
            if not ours:
                published = unpublished(self.using, published)
            counts = self._uncounted + counts_of(published)
            stamp(self.using, published)
            refuse(self.using, outcome.refused)
            put_off(self.using, outcome.waiting)
            put_off(self.using, outcome.unsendable, seconds=_UNSENDABLE_SECONDS)
            if counts:
                left = mirror(self.using, counts, self._now())
        self._unsettled.remove(outcome)
        self._uncounted = Counter(left)
        self.heartbeat.published += len(outcome.published)

    def _set_clock(self, now: dt.datetime | None) -> None:
        if now is not None:
            self._clock = (now, time.monotonic())

    def _now(self) -> dt.datetime:
        """The database's time, as of the last claim and the time that passed since."""
        now, then = self._clock
        return now + dt.timedelta(seconds=time.monotonic() - then)

    def _report(self) -> bool:
        self.heartbeat.problem = self.publisher.problem()
        return self.heartbeat.report()

    def _reconcile(self) -> bool:
        found = self._look_for_changes()
        if found:
            self._due_at = -math.inf
        # More than it takes at once, as on the first day over a full table.
        return found >= reconciliation.MOST
