"""What an import did, or would do, as lines that read like a diff."""

import json
from collections.abc import Iterator
from typing import Any

from djtaskq_beat.exchange.planning import Plan

_LONGEST = 80


def lines(found: Plan, *, deleted: bool, dry_run: bool, most: int | None) -> Iterator[str]:
    """`+` for each that is made, `~` for each that is changed and how, `-` for each that is gone.

    At most `most` schedules of a kind are named, all if it is None; the last line has the numbers.
    """
    for sign, names in (
        ("+", [(change.name, []) for change in found.created[:most]]),
        ("~", [(change.name, change.fields) for change in found.changed[:most]]),
        ("-", [(name, []) for name, _ in found.missing[:most]]),
    ):
        for name, fields in names:
            yield f"{sign} {name}"
            for field, before, after in fields:
                yield f"    {field}: {_shown(before)} -> {_shown(after)}"
        yield from _more(sign, found, most)
    gone = "deleted" if deleted else "disabled"
    numbers = [
        f"{len(found.created):,} created",
        f"{len(found.changed):,} changed",
        *([f"{len(found.missing):,} {gone}"] if found.missing else []),
        f"{found.unchanged:,} unchanged",
    ]
    yield ", ".join(numbers) + "."
    if dry_run:
        yield "This was a dry run: nothing was written."


def _more(sign: str, found: Plan, most: int | None) -> Iterator[str]:
    of_kind: dict[str, list[Any]] = {"+": found.created, "~": found.changed, "-": found.missing}
    if most is not None and len(of_kind[sign]) > most:
        yield f"{sign} … and {len(of_kind[sign]) - most:,} more: --verbosity 2 names them all"


def _shown(value: Any) -> str:
    if value is None:
        return "(default)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", "⏎")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
