"""Work that a polite signal waits for."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_POLITE = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Have SIGTERM and SIGINT wait until the block is left; for what takes a moment, and is bounded.

    Celery's beat ends by an exception out of its signal handler, which may come in the middle of anything:
    between a message that was sent and the line that takes note of it, for one. Handlers run in the main
    thread alone; a beat in another one is not disturbed by them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: heard.append(number)) for number in _POLITE
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for heard_once in dict.fromkeys(heard):
            signal.raise_signal(heard_once)
