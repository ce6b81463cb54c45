"""Two answers to one call: each in a line, and what is different."""

import json
import re
from typing import Any

_LONGEST = 120
_FEW = 5
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PORT = re.compile(r"127\.0\.0\.1:\d+")
_OF_ONE_SIDE = re.compile(r"(second|third)@compared")
# Workers are asked by one after the other, and times are told with more or fewer digits.
_NEAR = 1


def line(body: str) -> str:
    """A body in a line: ids, times and what changes from run to run left out."""
    found = _read(body)
    text = body if found is None else json.dumps(_outline(found), ensure_ascii=False)
    text = _OF_ONE_SIDE.sub("<worker>", _ID.sub("<id>", " ".join(text.split())))
    text = re.sub(r'"(…[^"]*)"', r"\1", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def differences(first: str, second: str) -> str:
    """What the second says otherwise than the first; empty if nothing."""
    one, two = (_read(_PORT.sub("127.0.0.1:6379", body)) for body in (first, second))
    if one is None and isinstance(two, dict) and two == {"error": first}:
        return ""
    if _large(one) and _large(two):
        one, two = _large(one), _large(two)
        besides, gone = sorted(two.keys() - one.keys()), sorted(one.keys() - two.keys())
        told = [
            f"{what} {', '.join(keys)}" for what, keys in (("besides", besides), ("without", gone)) if keys
        ]
        told += [
            text for key in sorted(one.keys() & two.keys()) for text in _changes(key, one[key], two[key])
        ]
        return "; ".join(told)
    return "" if line(first) == line(second) else line(second)


def _read(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _large(value: Any) -> dict[str, Any]:
    """The object of many keys, or the one that is all of an answer; empty for other answers."""
    while isinstance(value, dict | list) and len(value) == 1:
        value = next(iter(value.values() if isinstance(value, dict) else value))
    return value if isinstance(value, dict) and len(value) > _FEW else {}


def _alike(one: Any, two: Any) -> bool:
    if isinstance(one, int | float) and isinstance(two, int | float):
        return abs(one - two) < _NEAR
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_alike(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(_alike(*pair) for pair in zip(one, two, strict=True))
    return bool(one == two)


def _changes(name: str, one: Any, two: Any) -> list[str]:
    """The innermost values that differ, by their names."""
    if _alike(one, two):
        return []
    if isinstance(one, dict) and isinstance(two, dict):
        return [
            text
            for key in sorted(one.keys() | two.keys())
            for text in _changes(f"{name}.{key}", one.get(key), two.get(key))
        ]
    return [f"{name}: {_short(one)} → {_short(two)}"]


def _outline(value: Any, depth: int = 0) -> Any:
    """Values of small objects, the number of keys of large ones."""
    if isinstance(value, dict):
        if len(value) > _FEW or depth > 2:
            return f"…{len(value)} keys"
        return {key: _outline(each, depth + 1) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return f"…{len(value)} items" if len(value) > _FEW else [_outline(each, depth + 1) for each in value]
    return "…" if isinstance(value, float) else value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST // 3 else f"{text[: _LONGEST // 3]}…"
