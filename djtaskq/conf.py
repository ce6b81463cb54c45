"""The suite's settings: one dictionary, `DJTASKQ`, held by one typed table.

Nothing else reads `django.conf.settings` for these keys. `conf()` returns the table as it stands;
`problems()` says what is wrong with the dictionary, for the system checks.
"""

import dataclasses
import difflib
import functools
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from django.conf import settings

from djtaskq.errors import DjtaskqError
from djtaskq.keys import Settings

NAME = "DJTASKQ"


class InvalidSetting(DjtaskqError):
    """DJTASKQ[{key!r}] is {value!r}: {reason}"""


class Problem(NamedTuple):
    """One thing wrong with the dictionary: which check it is, what is wrong, what to do."""

    check_id: str
    text: str
    hint: str


def conf() -> Settings:
    """The settings as they stand; raises `InvalidSetting` for a value that cannot be used."""
    return _table()


def forget(*, setting: str, **_kwargs: object) -> None:
    """Receiver of `setting_changed`: tests and override_settings see their own values at once."""
    if setting == NAME:
        _table.cache_clear()


@functools.cache
def _table() -> Settings:
    given = _given()
    if not isinstance(given, Mapping):
        raise InvalidSetting(key="", value=given, reason="DJTASKQ must be a dictionary.")
    known = _fields()
    values = {}
    for key, value in given.items():
        if key not in known:
            continue  # reported by the check djtaskq.E002; a running beat does not die of it
        reason = _reason_against(key, value)
        if reason:
            raise InvalidSetting(key=key, value=value, reason=reason)
        values[key] = value
    return Settings(**values)


def override(**values: object) -> None:
    """Put values in place of the dictionary's for the rest of this process: a command's options.

    Raises `InvalidSetting` for one that cannot be used.
    """
    setattr(settings, NAME, {**_given(), **values})
    _table.cache_clear()
    _table()


def problems() -> Iterator[Problem]:
    """Everything wrong with the dictionary, one by one."""
    given = _given()
    if not isinstance(given, Mapping):
        yield Problem(
            "djtaskq.E001",
            f"DJTASKQ is a {type(given).__name__}, not a dictionary.",
            'Write DJTASKQ = {"KEY": value} or leave it out.',
        )
        return
    for key, value in given.items():
        if key not in _fields():
            yield Problem("djtaskq.E002", f"DJTASKQ has no key {key!r}.", _suggestion(str(key)))
        elif reason := _reason_against(key, value):
            yield Problem("djtaskq.E003", f"DJTASKQ[{key!r}] is {value!r}: {reason}", help_text(key))


def given(key: str) -> bool:
    """Whether the dictionary has `key`: some defaults give way to another package's setting."""
    written = _given()
    return isinstance(written, Mapping) and key in written


def help_text(key: str) -> str:
    return str(_fields()[key].metadata["help"])


def _given() -> Any:
    return getattr(settings, NAME, {})


@functools.cache
def _fields() -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(Settings)}


@functools.cache
def _types() -> dict[str, Any]:
    return get_type_hints(Settings)


def _suggestion(key: str) -> str:
    close = difflib.get_close_matches(key.upper(), _fields(), n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return "Known keys: " + ", ".join(sorted(_fields())) + "."


def _reason_against(key: str, value: object) -> str:
    """Why `value` cannot stand under `key`; empty if it can."""
    expected = _types()[key]
    if not _is(value, expected):
        return f"it must be {_spelled(expected)}."
    limits = _fields()[key].metadata
    for number in (value,) if isinstance(value, int | float) and not isinstance(value, bool) else ():
        if limits["at_least"] is not None and number < limits["at_least"]:
            return f"it must be {limits['at_least']} or more."
        if limits["at_most"] is not None and number > limits["at_most"]:
            return f"it must be {limits['at_most']} or less."
    return ""


def _is(value: object, expected: Any) -> bool:
    choices = _choices(expected)
    if isinstance(value, bool):
        return bool in choices
    if isinstance(value, int) and float in choices:
        return True
    return isinstance(value, choices)


def _spelled(expected: Any) -> str:
    words = {
        bool: "True or False",
        dict: "a dictionary",
        float: "a number",
        int: "a whole number",
        list: "a list",
        str: "a string",
        tuple: "a tuple",
        type(None): "None",
    }
    return " or ".join(words.get(choice, choice.__name__) for choice in _choices(expected))


def _choices(expected: Any) -> tuple[type, ...]:
    """The classes that an annotation allows: `float | None` is two, `dict[str, int]` is `dict`."""
    if isinstance(expected, types.UnionType):
        return tuple(choice for part in get_args(expected) for choice in _choices(part))
    return (get_origin(expected) or expected,)
