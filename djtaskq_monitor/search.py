"""The words of a search as a tree of conditions, and whether a task meets them. Pure.

The syntax is Flower 2.2's (blanks, `AND`, `OR`, parentheses, quotes, `name:` and its like, `kwargs:a=b`)
with what it lacks: `NOT` and `-`, dates, comparisons and more fields. docs/tasks.md has the table.
"""

import dataclasses
import datetime as dt
import functools
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from djtaskq.errors import DjtaskqError
from djtaskq.redaction import end_of_value

LONGEST, MOST_TOKENS, DEEPEST, SHORTEST = 2_048, 128, 5, 3

# What a bare word is looked for in.
EVERYWHERE = ("id", "name", "state", "worker", "args", "kwargs", "result")
TEXTS = ("name", "worker", "args", "kwargs", "result", "exception", "traceback")
IDS = ("root", "parent")
SAME = ("state", "queue", *IDS)
TIMES = ("seen", "sent", "received", "started", "eta")
NUMBERS = ("runtime", "retries")
FIELDS = frozenset((*TEXTS, *SAME, *TIMES, *NUMBERS, "id", "since", "until"))
# Flower's own ones stand for themselves in quotes too.
_QUOTED_TOO = frozenset(("name", "state", "worker", "args", "kwargs", "result"))

_WORD = re.compile(r"[()]|[^\s()]")
_COMPARISON = re.compile(r"(>=|<=|>|<|=)?(.*)", re.DOTALL)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|sec|m|min|h|d|w)?")
_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


class SearchError(DjtaskqError):
    """{reason}{place}"""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(reason=reason, place="." if position is None else f", at position {position}.")
        self.position = position

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.details["reason"], self.position)


@dataclasses.dataclass(frozen=True, slots=True)
class Everything:
    """No condition at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """`value`, in lower case, stands somewhere in the field, in any of `EVERYWHERE` for None."""

    field: str | None
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Same:
    """The field is `value`; of a state and a queue whatever the case."""

    field: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Begins:
    """The task's id begins with `value`."""

    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """One keyword argument is `value` as text, whatever the case."""

    key: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Compared:
    """The field is known and stands so to `value`: a number, seconds or an aware time."""

    field: str
    sign: str
    value: float | dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Not:
    child: "Tree"


@dataclasses.dataclass(frozen=True, slots=True)
class And:
    children: tuple["Tree", ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Or:
    children: tuple["Tree", ...]


Tree: TypeAlias = Everything | Text | Same | Begins | Pair | Compared | Not | And | Or


@dataclasses.dataclass(frozen=True, slots=True)
class _Token:
    """A piece of the query; `quoted` if a quote stood in it, `bare` is what stood before the first one."""

    kind: str
    value: str
    position: int
    bare: str = ""
    negated: bool = False


def parsed(query: str, *, now: dt.datetime) -> Tree:
    """The conditions of a query; times without a zone are in that of `now`, an aware time.

    Raises `SearchError`, which says what is wrong and where.
    """
    query = query.strip()
    if len(query) > LONGEST:
        raise SearchError(f"This is longer than {LONGEST} characters")
    parser = _Parser(list(_tokens(query)), len(query), now)
    return parser.whole()


def _tokens(query: str) -> Iterator[_Token]:
    place, count = 0, 0
    while (found := _WORD.search(query, place)) is not None:
        count += 1
        if count > MOST_TOKENS:
            raise SearchError(f"There are more than {MOST_TOKENS} words")
        if found.group() in "()":
            token, place = _Token(found.group(), found.group(), found.start()), found.end()
        else:
            token, place = _word(query, found.start())
        yield token


def _word(query: str, start: int) -> tuple[_Token, int]:
    """The word at `start` and where it ends; blanks and parentheses in quotes belong to it."""
    negated = query.startswith("-", start)
    place = start + negated
    if negated and query.startswith("(", place):
        return _Token("NOT", "-", start), place
    signs: list[str] = []
    bare: int | None = None
    quoted = False
    while place < len(query):
        sign = query[place]
        if sign == "\\" and query[place + 1 : place + 2] in {'"', "\\"}:
            signs.append(query[place + 1])
            place += 2
            continue
        if sign == '"':
            bare = len(signs) if bare is None else bare
            quoted = not quoted
        elif not quoted and (sign.isspace() or sign in "()"):
            break
        else:
            signs.append(sign)
        place += 1
    if quoted:
        raise SearchError("A quote is not closed", start)
    value = "".join(signs)
    if not value:
        raise SearchError("There is no word here", start)
    kind = value if bare is None and not negated and value in {"AND", "OR", "NOT"} else "WORD"
    return _Token(kind, value, start, value if bare is None else value[:bare], negated), place


class _Parser:
    def __init__(self, tokens: list[_Token], length: int, now: dt.datetime) -> None:
        self._tokens = [*tokens, _Token("END", "", length)]
        self._place = 0
        self._now = now

    def whole(self) -> Tree:
        if self._kind == "END":
            return Everything()
        tree = self._or(0)
        if self._kind != "END":
            raise SearchError("A parenthesis is closed that was not opened", self._next.position)
        return tree

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    @property
    def _kind(self) -> str:
        return self._next.kind

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _or(self, depth: int) -> Tree:
        children = [self._and(depth)]
        while self._kind == "OR":
            self._operator()
            children.append(self._and(depth))
        return _joined(Or, children)

    def _and(self, depth: int) -> Tree:
        children = [self._not(depth)]
        while self._kind not in {"END", ")", "OR"}:
            if self._kind == "AND":
                self._operator()
            children.append(self._not(depth))
        return _joined(And, children)

    def _operator(self) -> None:
        token = self._take()
        if self._kind in {"END", ")", "AND", "OR"}:
            raise SearchError(f"Something must follow {token.value}", token.position)

    def _not(self, depth: int) -> Tree:
        flips = 0
        while self._kind == "NOT":
            self._operator()
            flips += 1
        tree = self._one(depth)
        return _denied(tree) if flips % 2 else tree

    def _one(self, depth: int) -> Tree:
        token = self._take()
        if token.kind == "WORD":
            condition = _condition(token, self._now)
            return _denied(condition) if token.negated else condition
        if token.kind != "(":
            raise SearchError("A word is missing here", token.position)
        if depth >= DEEPEST:
            raise SearchError(f"Parentheses are nested more than {DEEPEST} deep", token.position)
        if self._kind == ")":
            raise SearchError("These parentheses are empty", token.position)
        tree = self._or(depth + 1)
        if self._kind != ")":
            raise SearchError("This parenthesis is not closed", token.position)
        self._take()
        return tree


def _joined(kind: type[And] | type[Or], children: list[Tree]) -> Tree:
    flat: list[Tree] = []
    for child in children:
        for each in child.children if isinstance(child, kind) else (child,):
            if each not in flat:
                flat.append(each)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _denied(tree: Tree) -> Tree:
    return tree.child if isinstance(tree, Not) else Not(tree)


def _condition(token: _Token, now: dt.datetime) -> Tree:
    field, value = None, token.value
    name, colon, rest = token.value.partition(":")
    known = FIELDS if f"{name}:" == token.bare[: len(name) + 1] else _QUOTED_TOO
    if colon and name.casefold() in known:
        field, value = name.casefold(), rest
    if not value:
        raise SearchError(f"{token.value} takes a value", token.position)
    if field in SAME:
        return Same(field, value)
    if field == "id":
        return Begins(value)
    if field == "kwargs" and "=" in value:
        key, _, wanted = value.partition("=")
        return Pair(key.strip().casefold(), wanted.strip().casefold())
    if field in {*NUMBERS, *TIMES, "since", "until"}:
        return _comparison(str(field), value, token.position, now)
    if len(value.strip()) < SHORTEST:
        raise SearchError(f"A text to look for has {SHORTEST} characters or more", token.position)
    return Text(field, value.casefold())


def _comparison(field: str, value: str, position: int, now: dt.datetime) -> Tree:
    found = _COMPARISON.fullmatch(value)
    sign, text = (found[1] or "", found[2].strip()) if found else ("", "")
    if field == "retries":
        if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004  as the column holds
            raise SearchError("retries: takes a whole number, as in retries:>=2", position)
        return Compared(field, sign or "=", int(text))
    if field == "runtime":
        span = seconds(text)
        if span is None:
            raise SearchError(
                "runtime: takes a time with a unit, as in runtime:>5s or runtime:<200ms", position
            )
        return Compared(field, sign or "=", span)
    times = _times(text, now)
    if times is None or (sign and field in {"since", "until"}):
        raise SearchError(f"{field}: takes a date, a time, or a span as 90min, 24h or 7d", position)
    return _in_time(field, sign, *times)


def _in_time(field: str, sign: str, begin: dt.datetime, end: dt.datetime) -> Tree:
    """The condition for a point in time (`begin` is `end`) or for the day, minute or second from one on."""
    if field == "since":
        return Compared("seen", ">=", begin)
    if field == "until":
        return Compared("seen", "<", begin)
    if sign in {">=", "<"}:
        return Compared(field, sign, begin)
    if sign in {">", "<="}:
        whole = begin != end
        return Compared(field, (">=" if sign == ">" else "<") if whole else sign, end)
    if begin == end:
        return Compared(field, ">=", begin)
    return And((Compared(field, ">=", begin), Compared(field, "<", end)))


def seconds(text: str) -> float | None:
    """A span as `5s`, `200ms`, `1.5h`, without a unit in seconds; None for everything else."""
    found = _SPAN.fullmatch(text)
    if found is None or len(found[1]) > 12:  # noqa: PLR2004  longer than any task runs
        return None
    return float(found[1]) * _SECONDS[found[2] or "s"]


def _times(text: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime] | None:
    """From when to when `text` is: a day is as long as it is, `24h` is the moment that long ago."""
    try:
        span = seconds(text) if text and text[-1].isalpha() and not text.endswith("Z") else None
        if span is not None:
            return now - dt.timedelta(seconds=span), now - dt.timedelta(seconds=span)
        begin = dt.datetime.fromisoformat(text)
        end = begin + _length(text)
        zone = now.tzinfo
        return tuple(each if each.tzinfo else each.replace(tzinfo=zone) for each in (begin, end))  # type: ignore[return-value]
    except (ValueError, OverflowError):
        return None


def moment(text: str, now: dt.datetime) -> dt.datetime | None:
    """A date, a time, or a span before `now`; None for everything else."""
    times = _times(text.strip(), now)
    return None if times is None else times[0]


def _length(text: str) -> dt.timedelta:
    clock = re.split(r"[T ]", text, maxsplit=1)
    if len(clock) == 1:
        return dt.timedelta(days=1)
    written = re.match(r"[\d:]+(?:\.\d+)?", clock[1])
    digits = written.group() if written else ""
    if "." in digits:
        return dt.timedelta(0)
    if len(digits.replace(":", "")) > 4:  # noqa: PLR2004  hours, minutes and seconds
        return dt.timedelta(seconds=1)
    return dt.timedelta(minutes=1) if len(digits) > 2 else dt.timedelta(hours=1)  # noqa: PLR2004  hours alone


def all_of(trees: Iterable[Tree | None]) -> Tree:
    """All these conditions at once."""
    known: list[Tree] = [tree for tree in trees if tree is not None and not isinstance(tree, Everything)]
    return _joined(And, known) if known else Everything()


def fields_of(tree: Tree) -> frozenset[str]:
    """The fields that the conditions look at."""
    if isinstance(tree, And | Or):
        return frozenset().union(*map(fields_of, tree.children))
    if isinstance(tree, Not):
        return fields_of(tree.child)
    if isinstance(tree, Text):
        return frozenset(EVERYWHERE if tree.field is None else (tree.field,))
    if isinstance(tree, Same | Compared):
        return frozenset((tree.field,))
    names = {Begins: ("id",), Pair: ("kwargs",)}
    return frozenset(names.get(type(tree), ()))


def matches(tree: Tree, task: Mapping[str, Any]) -> bool:
    """Whether a task, by the names of fields, meets the conditions; what is unknown is None."""
    if isinstance(tree, And):
        return all(matches(child, task) for child in tree.children)
    if isinstance(tree, Or):
        return any(matches(child, task) for child in tree.children)
    if isinstance(tree, Not):
        return not matches(tree.child, task)
    return _meets(tree, task)


@functools.singledispatch
def _meets(_condition: Any, _task: Mapping[str, Any]) -> bool:
    return True


@_meets.register
def _text(condition: Text, task: Mapping[str, Any]) -> bool:
    fields = EVERYWHERE if condition.field is None else (condition.field,)
    return any(condition.value in _lower(task.get(field)) for field in fields)


@_meets.register
def _same(condition: Same, task: Mapping[str, Any]) -> bool:
    if condition.field not in {"state", "queue"}:
        return bool(task.get(condition.field) == condition.value)
    return _lower(task.get(condition.field)) == condition.value.casefold()


@_meets.register
def _begins(condition: Begins, task: Mapping[str, Any]) -> bool:
    return str(task.get("id") or "").startswith(condition.value)


@_meets.register
def _pair(condition: Pair, task: Mapping[str, Any]) -> bool:
    return (condition.key, condition.value) in pairs(_lower(task.get("kwargs")))


@_meets.register
def _compared(condition: Compared, task: Mapping[str, Any]) -> bool:
    known = task.get(condition.field)
    return known is not None and _COMPARE[condition.sign](known, condition.value)


def _lower(value: Any) -> str:
    return "" if value is None else str(value).casefold()


_KEY = re.compile(r"""[{,]\s*(["'])((?:\\.|(?!\1).)*)\1\s*:\s*""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def pairs(text: str) -> set[tuple[str, str]]:
    """Keys and values of the dictionary that `text` represents, as far as it goes; never evaluated."""
    found: set[tuple[str, str]] = set()
    place = text.find("{")
    while place >= 0 and (key := _KEY.match(text, place)) is not None:
        place = end_of_value(text, key.end())
        found.add((_ESCAPE.sub(r"\1", key[2]).strip(), _unquoted(text[key.end() : place]).strip()))
    return found


def _unquoted(text: str) -> str:
    if text[:1] in {'"', "'"} and text[-1:] == text[:1] and len(text) > 1:
        return _ESCAPE.sub(r"\1", text[1:-1])
    return text
