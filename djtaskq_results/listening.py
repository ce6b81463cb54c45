"""Who in this process waits for which task, and one connection for all of them that hears when one is ready.

A thread opens the connection when somebody begins to wait, and closes it when nobody has for a while. To wait
never depends on it: whoever is not `armed` looks as often as if there were no such thing.
"""

import collections
import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Collection

from celery.utils.log import get_logger
from django.db import DatabaseError, InterfaceError

from djtaskq.conf import conf
from djtaskq.db import retry
from djtaskq.db.announcing import bucket, buckets_to_hold
from djtaskq.db.aside import outside
from djtaskq.db.features import features
from djtaskq.db.listening import NothingIsHeard, Session

logger = get_logger(__name__)

# How long the connection is kept for the next one who waits, in seconds.
IDLE = 5.0
# How long to do without one where it hears nothing or is refused.
DEAF = 600.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

Wake = Callable[[], object]


class Subscription:
    """What one wait hears: `wake` is called, from another thread, whenever there is a reason to look.

    `armed` while it will be told of every task that becomes ready.
    """

    def __init__(self, listener: "Listener", task_ids: Collection[str], wake: Wake) -> None:
        self.task_ids = frozenset(task_ids)
        self.buckets = frozenset(map(bucket, self.task_ids))
        self.wake = wake
        self.armed = False
        self.heard: set[str] = set()
        self._listener = listener

    def take(self) -> set[str]:
        """The tasks that were announced since the last call."""
        return self._listener.taken_from(self)

    def close(self) -> None:
        self._listener.unsubscribe(self)


class Listener:
    """The listening connection of one database, and the thread that reads from it."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._waiting: dict[str, set[Subscription]] = {}
        self._wanted: collections.Counter[int] = collections.Counter()
        self._running = False
        self._deaf_until = 0.0
        self._bell: socket.socket | None = None
        self._session: Session | None = None

    def subscribe(self, task_ids: Collection[str], wake: Wake) -> Subscription:
        """Begin to listen for these tasks; returns at once, and is armed as soon as can be."""
        subscription = Subscription(self, task_ids, wake)
        with self._lock:
            self._subscriptions.add(subscription)
            for task_id in subscription.task_ids:
                self._waiting.setdefault(task_id, set()).add(subscription)
            self._wanted.update(subscription.buckets)
            if self._running:
                self._ring()
            elif time.monotonic() >= self._deaf_until:
                self._start()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription not in self._subscriptions:
                return
            self._subscriptions.remove(subscription)
            for task_id in subscription.task_ids:
                self._waiting[task_id].remove(subscription)
                if not self._waiting[task_id]:
                    del self._waiting[task_id]
            for number in subscription.buckets:
                self._wanted[number] -= 1
                if not self._wanted[number]:
                    del self._wanted[number]
            self._ring()

    def taken_from(self, subscription: Subscription) -> set[str]:
        with self._lock:
            heard, subscription.heard = subscription.heard, set()
            return heard

    def leave_to_parent(self) -> None:
        """In a forked child, where neither the thread nor who held the lock lives on."""
        for subscription in self._subscriptions:
            subscription.armed = False
        if self._session is not None:
            self._session.leave_to_parent()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._run, name=f"djtaskq-{self._using}", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is about to end
            self._deaf_until = time.monotonic() + DEAF
        else:
            self._running = True

    def _ring(self) -> None:
        if self._bell is not None:
            with contextlib.suppress(BlockingIOError):  # then it rings already
                self._bell.send(b"!")

    def _run(self) -> None:
        bell, self._bell = socket.socketpair()
        bell.setblocking(False)
        self._bell.setblocking(False)
        with bell, self._bell:
            retired = False
            try:
                retired = self._listen(bell)
            finally:
                if not retired:
                    self._retire(at_once=True)

    def _listen(self, bell: socket.socket) -> bool:
        """Serve until nobody waits, over as many connections as that takes; True once retired."""
        pause = FIRST_PAUSE
        while True:
            try:
                with contextlib.closing(Session(self._using)) as session:
                    self._session, pause = session, FIRST_PAUSE
                    self._serve(session, bell)
                    return True
            except NothingIsHeard as error:
                return self._give_up(error)
            except (DatabaseError, InterfaceError) as error:
                self._session = None
                self._disarm()
                if retry.cause(error) is None:
                    return self._give_up(error)
            if self._retire():
                return True
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _serve(self, session: Session, bell: socket.socket) -> None:
        """Pass on what the session hears; returns, retired, when nobody has waited for a while."""
        held: set[int] = set()
        with selectors.DefaultSelector() as selector:
            selector.register(session, selectors.EVENT_READ)
            selector.register(bell, selectors.EVENT_READ)
            while True:
                held = self._hold(session, held)
                for task_id in session.heard():
                    self._tell(task_id)
                ready = selector.select(IDLE)
                if any(key.fileobj is bell for key, _ in ready):
                    bell.recv(4096)
                if not ready and self._retire():
                    return

    def _hold(self, session: Session, held: set[int]) -> set[int]:
        """Hold the buckets that are wanted now, and arm who waits for those."""
        with self._lock:
            wanted = set(self._wanted)
        to_hold = buckets_to_hold(wanted)
        # In this order, so that those who were told go on being told.
        if to_hold - held:
            session.hold(to_hold - held)
        if held - to_hold:
            session.release(held - to_hold)
        with self._lock:
            for subscription in self._subscriptions:
                if not subscription.armed and subscription.buckets <= wanted:
                    subscription.armed = True
                    subscription.wake()
        return to_hold

    def _tell(self, task_id: str) -> None:
        with self._lock:
            for subscription in self._waiting.get(task_id, ()):
                subscription.heard.add(task_id)
                subscription.wake()

    def _disarm(self) -> None:
        with self._lock:
            self._disarm_all()

    def _disarm_all(self) -> None:
        for subscription in self._subscriptions:
            if subscription.armed:
                subscription.armed = False
                subscription.wake()

    def _retire(self, *, at_once: bool = False) -> bool:
        """Let the next one who waits start a new thread, unless somebody waits now; True if so."""
        with self._lock:
            if self._subscriptions and not at_once:
                return False
            self._disarm_all()
            self._running, self._bell, self._session = False, None, None
            return True

    def _give_up(self, error: Exception) -> bool:
        logger.warning("Results are waited for without notifications: %s", error)
        self._deaf_until = time.monotonic() + DEAF
        return self._retire(at_once=True)


_listeners: dict[str, Listener] = {}
_lock = threading.Lock()


def subscribe(task_ids: Collection[str], wake: Wake, *, using: str) -> Subscription | None:
    """Hear of these tasks, on the database `using`; None where there is nothing to hear.

    There is not within Django's TestCase either: nobody else could write what this thread would see.
    """
    if not conf().RESULTS_PUSH or not features(using).notifications:
        return None
    if outside(using).in_atomic_block:
        return None
    with _lock:
        listener = _listeners.setdefault(using, Listener(using))
    return listener.subscribe(task_ids, wake)


def _leave_to_parent() -> None:
    global _lock  # noqa: PLW0603  whoever held it is not here any more
    _lock = threading.Lock()
    for listener in _listeners.values():
        listener.leave_to_parent()
    _listeners.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
