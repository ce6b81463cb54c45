"""Secrets taken out of values and texts before anybody looks at them. Pure.

A value is secret by the name that it stands under: `password`, `api_key`, `Authorization`. A name is matched
as a whole and word by word, in lower case, against patterns as in file names (`*token*`, `key`); `apiKey`,
`API-KEY` and `api_key` have the same words. Texts are the representations that events carry and whatever
people write into strings: they are read sign by sign, may be cut anywhere, and are never evaluated.
"""

import functools
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

MARK = "[redacted]"

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN = re.compile(r"[\W_]+")
_ESCAPED = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
# A name and what stands between it and its value: `'name': `, `["name", `, `name=`, `name: `. Quotes within a
# string within a string have backslashes before them.
_NAME = re.compile(
    r"""(?P<quote>\\{0,15}["'])(?P<quoted>(?:[^"'\\\n]|\\{1,15}[ux][0-9a-fA-F]{2,4}){1,128})(?P=quote)"""
    r"""\s{0,9}(?P<after>:|,|=>)\s{0,9}"""
    r"""|(?<![\w.-])(?P<bare>[A-Za-z_][\w.-]{0,127})\s{0,9}(?P<sign>=(?!=)|:(?!//))\s{0,9}"""
)
_PASSWORD_IN_URL = re.compile(r"""(?P<before>://[^\s/:@'"]{0,128}:)[^\s/@'"]{1,512}(?=@)""")
_QUOTED = re.compile(r"""[bBrRuUfF]{0,2}(?P<quote>\\{0,15}["'])""")
_QUOTE = re.compile(r"""(\\*)(["'])""")
_BRACKET = re.compile(r"""[()\[\]{}]|\\*["']""")
_PLAIN = re.compile(r"(?:None|True|False|null|true|false)(?![\w.])")
_CALL = re.compile(r"[A-Za-z_][\w.]{0,127}(?=[(\[{])")
# Where a value without quotes ends: a header's and a line's may have blanks in it.
_UNTIL = {"=": re.compile(r"""[\s,)\]}&;"'\\]"""), ":": re.compile(r"""[\n,)\]}"'\\]""")}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_NO_VALUES = (type(None), bool)
_DEEPEST = 100


class Redactor:
    """Takes out what stands under names that fit one of `patterns`; without patterns, nothing."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(pattern.casefold() for pattern in patterns if pattern)
        parts = {max(re.split(r"[*?\[\]]", each), key=len) for each in self._patterns}
        # A text in which none of these stands, in whatever case, has no secret name in it.
        hints = (r"[\W_]{0,3}".join(map(re.escape, part)) for part in sorted(parts))
        self._hint = re.compile("|".join(hints), re.IGNORECASE)
        self.is_secret = functools.lru_cache(maxsize=4_096)(self._is_secret)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def value(self, value: Any, depth: int = 0) -> Any:
        """`value` with `MARK` in the place of secrets: dictionaries, lists and tuples at any depth.

        A pair whose first half is a secret name (a header in a list) loses its second. What is nested deeper
        than anybody would write is taken out as a whole.
        """
        if not self._patterns:
            return value
        if isinstance(value, str):
            return self.text(value)
        if depth > _DEEPEST:
            return MARK
        if isinstance(value, dict):
            return {key: self._under(key, each, depth) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return self._sequence(value, depth)
        return value

    def text(self, text: str) -> str:
        """A representation, JSON, a URL or any other text, without the secrets that stand under a name."""
        if not self._patterns:
            return text
        if "://" in text:
            text = _PASSWORD_IN_URL.sub(rf"\g<before>{MARK}", text)
        if not (self._hint.search(text) or _ESCAPED.search(text)):
            return text
        kept: list[str] = []
        done = 0
        while (found := _NAME.search(text, done)) is not None:
            start = found.end()
            if not self._names_a_secret(text, found):
                # Its value may be a name as well.
                step = found.start("sign") if found["bare"] else found.end("quoted") + len(found["quote"])
                kept.append(text[done:step])
                done = step
                continue
            end = end_of_value(text, start, found["sign"] or ":")
            kept += [text[done:start], MARK if end > start else ""]
            done = end
            plain = _PLAIN.fullmatch(text, start, end)
            if plain:
                kept[-1] = plain.group()
        return "".join([*kept, text[done:]])

    def restored(self, shown: Any, original: Any) -> Any:
        """`shown`, which a person may have edited, with the secrets of `original` where it has `MARK`.

        Raises `ValueError` where a mark stands in a place that has nothing to be put there.
        """
        if shown == self.value(original):
            return original
        if isinstance(shown, dict) and isinstance(original, dict):
            return {
                key: self._restored_under(key, each, original) if key in original else _unmarked(each)
                for key, each in shown.items()
            }
        if isinstance(shown, list) and isinstance(original, list):
            known = [*original, *[None] * len(shown)]
            hidden = self.value(original) + [None] * len(shown)
            return [
                known[place] if each == hidden[place] else self.restored(each, known[place])
                for place, each in enumerate(shown)
            ]
        return _unmarked(shown)

    def _restored_under(self, key: str, each: Any, original: dict[str, Any]) -> Any:
        hidden = self._under(key, original[key], 0)
        return original[key] if each == hidden else self.restored(each, original[key])

    def _is_secret(self, name: str) -> bool:
        words = [word for word in _BETWEEN.split(_HUMP.sub("_", name[:256]).casefold()) if word]
        candidates = {name[:256].casefold(), "_".join(words), "".join(words)}
        # AMQP calls an address so; whoever thinks otherwise writes the whole name.
        if words[-2:] != ["routing", "key"]:
            candidates |= set(words)
        return any(fnmatchcase(each, pattern) for pattern in self._patterns for each in candidates)

    def _under(self, key: Any, value: Any, depth: int) -> Any:
        if isinstance(key, str) and self.is_secret(key) and not isinstance(value, _NO_VALUES):
            return MARK
        return self.value(value, depth + 1)

    def _sequence(self, values: Any, depth: int) -> Any:
        kind = tuple if isinstance(values, tuple) else list
        if len(values) == 2 and isinstance(values[0], str) and self.is_secret(values[0]):  # noqa: PLR2004  a pair
            return kind((values[0], self._under(values[0], values[1], depth)))
        return kind(self.value(each, depth + 1) for each in values)

    def _names_a_secret(self, text: str, found: re.Match[str]) -> bool:
        bare = found["bare"]
        if bare is not None:
            # `KeyError: 'x'` tells of a key that was missing.
            told = found["sign"] == ":" and bare.endswith(("Error", "Exception", "Warning"))
            return not told and self.is_secret(bare)
        if found["after"] == "," and not text[max(0, found.start() - 9) : found.start()].rstrip().endswith(
            ("(", "[")
        ):
            return False  # in the midst of a list; at its beginning it is the first half of a pair
        return self.is_secret(_ESCAPED.sub(lambda each: chr(int(each[1] or each[2], 16)), found["quoted"]))


def _unmarked(value: Any) -> Any:
    if MARK in repr(value):
        raise ValueError(MARK)
    return value


def end_of_value(text: str, start: int, sign: str = ":") -> int:
    """Where the value that begins at `start` ends; the end of the text for one that was cut."""
    plain = _PLAIN.match(text, start)
    if plain:
        return plain.end()
    quoted = _QUOTED.match(text, start)
    if quoted:
        return _end_of_string(text, quoted.end(), quoted["quote"])
    called = _CALL.match(text, start)
    opened = called.end() if called else start
    if text[opened : opened + 1] in _CLOSING:
        return _end_of_bracket(text, opened)
    if text.startswith("<", start):
        end = text.find(">", start)
        return len(text) if end < 0 else end + 1
    stop = _UNTIL[sign].search(text, start)
    return len(text) if stop is None else stop.start()


def _end_of_string(text: str, start: int, quote: str) -> int:
    """Behind the quote that closes a string; before one of a string around it, where that comes first."""
    depth = len(quote) - 1
    for found in _QUOTE.finditer(text, start):
        backslashes = len(found[1])
        if backslashes < depth and backslashes % 2 == 0:
            return found.start()
        if found[2] == quote[-1] and backslashes % (2 * (depth + 1)) == depth:
            return found.end()
    return len(text)


def _end_of_bracket(text: str, start: int) -> int:
    """Behind the bracket that closes the one at `start`, past the strings within."""
    waiting: list[str] = []
    place = start
    while (found := _BRACKET.search(text, place)) is not None:
        sign = found.group()
        place = found.end()
        if sign[-1] in "\"'":
            place = _end_of_string(text, place, sign)
        elif sign in _CLOSING:
            waiting.append(_CLOSING[sign])
        elif waiting and sign == waiting[-1]:
            waiting.pop()
            if not waiting:
                return place
        else:
            return found.start()
    return len(text)
