"""Results as CSV and as JSON, row by row: neither the rows nor the file are ever in memory as a whole.

Secrets are in neither, as on the pages; nor is what nobody can look into, unless nothing is to be taken out.
"""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Left

from djtaskq import tracebacks
from djtaskq.redaction import MARK
from djtaskq.redactor import redactor
from djtaskq_results.plain import JSON, value

BATCH = 200
# What a cell of a spreadsheet holds.
CELL = 32_000
COLUMNS = (
    *("task_id", "task_name", "status", "worker", "periodic_task_name"),
    *("date_created", "date_started", "date_done"),
)
TEXTS = ("task_args", "task_kwargs", "result", "traceback", "meta")
# With these, a spreadsheet takes a text for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file that keeps the last line alone."""

    def write(self, line: str) -> None:
        self.line = line


def csv_lines(rows: QuerySet[Any]) -> Iterator[str]:
    """A line of names, then one for each row; texts are cut at `CELL` characters, with an ellipsis."""
    last = _Line()
    writer = csv.writer(last)
    writer.writerow([*COLUMNS, *TEXTS])
    yield last.line
    for row in _rows(rows):
        writer.writerow([_cell(row[name]) for name in (*COLUMNS, *TEXTS)])
        yield last.line


def json_lines(rows: QuerySet[Any]) -> Iterator[str]:
    """One array of objects; what is stored as JSON is a value in it, unless it was too long and cut."""
    opening = "["
    for row in _rows(rows):
        yield f"{opening}\n{json.dumps(_decoded(row), ensure_ascii=False, default=str)}"
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


def _rows(rows: QuerySet[Any]) -> Iterator[dict[str, Any]]:
    """The rows by their keys, a batch at a time: no statement and no transaction lasts."""
    texts = {f"cut_{name}": Left(F(name), CELL + 1) for name in TEXTS}
    found = rows.order_by("pk").values("pk", "content_type", "content_encoding", *COLUMNS, **texts)
    last = 0
    while batch := list(found.filter(pk__gt=last)[:BATCH]):
        for row in batch:
            last = row["pk"]
            binary = row["content_encoding"] == "binary"
            told = {name: _told(name, row.pop(f"cut_{name}"), binary=binary) for name in TEXTS}
            yield {**row, **told}


def redacted(column: str, text: str) -> str:
    """A text as it may be shown: JSON is JSON still, and of a traceback the lines of source stay."""
    if not redactor():
        return text
    if column != "traceback":
        return _redacted_json(text)
    parts = tracebacks.parts(text)
    shown = [
        redactor().text(part.text) if isinstance(part, tracebacks.Words) else part.text for part in parts
    ]
    if shown == [part.text for part in parts]:
        return text
    return "\n".join(shown) + ("\n" if text.endswith("\n") else "")


def _redacted_json(text: str) -> str:
    try:
        stored = json.loads(text)
        shown = redactor().value(stored)
    except (ValueError, RecursionError):
        return redactor().text(text)
    return text if shown == stored else json.dumps(shown, ensure_ascii=False)


def _told(column: str, text: str | None, *, binary: bool) -> str | None:
    if text and binary and column != "traceback" and redactor():
        return MARK
    return text if text is None else _cut(redacted(column, text[: CELL + 1]), whole=len(text) <= CELL)


def _cut(text: str, *, whole: bool) -> str:
    return text if whole else f"{text[:CELL]}…"


def _cell(given: Any) -> str:
    if given is None:
        return ""
    text = given.isoformat() if hasattr(given, "isoformat") else str(given)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    found = {
        name: row[name].isoformat() if hasattr(row[name], "isoformat") else row[name] for name in COLUMNS
    }
    for name in TEXTS:
        plain = name == "traceback" or row["content_encoding"] == "binary"
        found[name] = row[name] if plain else value(row[name], row["content_type"])
    return {**found, "content_type": row["content_type"]} if row["content_type"] != JSON else found
