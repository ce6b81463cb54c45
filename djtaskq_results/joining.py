"""The results of a chord's header, in the shape that its body is called with. Pure.

A header is a list of result tuples, as Celery's `as_tuple()` makes them: `((id, parent), None)` for a task,
`((id, parent), [tuples])` for a group. JSON has turned the tuples into lists.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

ValueOf = Callable[[str], Any]


class Returned(NamedTuple):
    """A part that came back, and its place in the header; -1 if it has none."""

    position: int
    task_id: str


def leaves(header: Sequence[Any]) -> Iterator[str]:
    """The ids of all tasks in a header, those within its groups too, in order."""
    for (task_id, _parent), members in header:
        if members is None:
            yield task_id
        else:
            yield from leaves(members)


def is_nested(header: Sequence[Any]) -> bool:
    return any(members is not None for _, members in header)


def joined(header: Sequence[Any], returned: Sequence[Returned], value_of: ValueOf) -> list[Any]:
    """The values in the order of the header, a group's as a list of its own.

    Parts that the header does not name (it was a generator, or they were added by another part) stand after
    the entry at their position, those without a position at the end. `value_of` gives a task's value, or
    raises what ends the chord; it is asked in the order of the result.
    """
    known = set(leaves(header))
    entries = [(float(index), node) for index, node in enumerate(header)]
    entries += [
        (float("inf") if part.position < 0 else part.position + 0.5, [[part.task_id, None], None])
        for part in returned
        if part.task_id not in known
    ]
    return [_shaped(node, value_of) for _, node in sorted(entries, key=lambda entry: entry[0])]


def _shaped(node: Any, value_of: ValueOf) -> Any:
    (task_id, _parent), members = node
    return value_of(task_id) if members is None else [_shaped(member, value_of) for member in members]
