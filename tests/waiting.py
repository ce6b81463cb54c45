"""Bounded waits: a test waits for what it needs to see, never for a length of time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotInTimeError(AssertionError):
    """What a test waited for did not come."""


def eventually(
    condition: Callable[[], T],
    *,
    timeout: float = 15.0,
    message: str | Callable[[], str] = "",
    interval: float = 0.02,
) -> T:
    """Call `condition` until it returns something true, and return that.

    An AssertionError raised by the condition counts as "not yet". Raises NotInTimeError after `timeout`
    seconds, with `message` (or what it returns) and the condition's last answer.
    """
    __tracebackhide__ = True  # a failure shows the test's line
    deadline = time.monotonic() + timeout
    while True:
        try:
            last: T | AssertionError = condition()
        except AssertionError as error:
            last = error
        if last and not isinstance(last, AssertionError):
            return last
        if time.monotonic() >= deadline:
            said = message() if callable(message) else message
            raise NotInTimeError(f"not within {timeout:g} s: {said or condition} (last: {last!r})")
        time.sleep(interval)
