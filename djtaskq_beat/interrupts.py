"""Signals that wait until a piece of work is done."""

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Within the block, a first signal to end waits for the end of the block; a second one does not.

    Celery's handlers raise SystemExit wherever the program is just then: in the middle of a statement, from
    which not every driver goes on, or in a callback of Python's own, where it is printed and lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread alone
        return
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            _give_back(before)
            signal.raise_signal(number)

    for number, handler in before.items():
        if handler is not None:  # one that was not set from Python cannot be given back
            signal.signal(number, note)
    try:
        yield
    finally:
        _give_back(before)
        if len(came) == 1:
            signal.raise_signal(came[0])


def _give_back(before: Mapping[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        if handler is not None:
            signal.signal(number, handler)
