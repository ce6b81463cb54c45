"""What one task counts for, as a function of its row alone.

Statistics are the sum of what all rows count for. A write changes a row from what it was to what it is, and
adds the difference. So they are as exact as the rows: events that come twice, late, in any order or through
several cameras change nothing in the end.

The columns of a row here are those of a change: times in whole microseconds.
"""


def wait(sent: int | None, eta: int | None, started: int | None, *, retries: int | None) -> int | None:
    """How long, in microseconds, the attempt that started waited since it was sent, or since its ETA.

    None while that cannot be known: without `task-sent`, and while a retry is sent and not yet started.
    A first attempt that started before it was sent says that two clocks differ: no wait.
    """
    if sent is None or started is None:
        return None
    if started < sent and retries:
        return None
    return max(0, started - max(sent, eta or 0))
