"""The words, signs and parentheses of a query, one after the other. Pure."""

import dataclasses
import re
from collections.abc import Iterator

from djtaskq_monitor.search.errors import SearchError

MOST_TOKENS = 128
_WORD = re.compile(r"[()]|[^\s()]")


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A piece of the query; `quoted` if a quote stood in it, `bare` is what stood before the first one."""

    kind: str
    value: str
    position: int
    bare: str = ""
    negated: bool = False


def tokens(query: str) -> Iterator[Token]:
    place, count = 0, 0
    while (found := _WORD.search(query, place)) is not None:
        count += 1
        if count > MOST_TOKENS:
            raise SearchError(f"There are more than {MOST_TOKENS} words")
        if found.group() in "()":
            token, place = Token(found.group(), found.group(), found.start()), found.end()
        else:
            token, place = _word(query, found.start())
        yield token


def _word(query: str, start: int) -> tuple[Token, int]:
    """The word at `start` and where it ends; blanks and parentheses in quotes belong to it."""
    negated = query.startswith("-", start)
    place = start + negated
    if negated and query.startswith("(", place):
        return Token("NOT", "-", start), place
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
    return Token(kind, value, start, value if bare is None else value[:bare], negated), place
