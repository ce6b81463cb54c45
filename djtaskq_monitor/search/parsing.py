"""A query read as a tree: `OR` of `AND` of `NOT` of words and parentheses. Pure."""

import datetime as dt

from djtaskq_monitor.search.conditions import condition_of
from djtaskq_monitor.search.errors import SearchError
from djtaskq_monitor.search.tree import And, Everything, Or, Tree, denied, joined
from djtaskq_monitor.search.words import Token, tokens

LONGEST, DEEPEST = 2_048, 5


def parsed(query: str, *, now: dt.datetime) -> Tree:
    """The conditions of a query; times without a zone are in that of `now`, an aware time.

    Raises `SearchError`, which says what is wrong and where.
    """
    query = query.strip()
    if len(query) > LONGEST:
        raise SearchError(f"This is longer than {LONGEST} characters")
    parser = _Parser(list(tokens(query)), len(query), now)
    return parser.whole()


class _Parser:
    def __init__(self, tokens: list[Token], length: int, now: dt.datetime) -> None:
        self._tokens = [*tokens, Token("END", "", length)]
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
    def _next(self) -> Token:
        return self._tokens[self._place]

    @property
    def _kind(self) -> str:
        return self._next.kind

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _or(self, depth: int) -> Tree:
        children = [self._and(depth)]
        while self._kind == "OR":
            self._operator()
            children.append(self._and(depth))
        return joined(Or, children)

    def _and(self, depth: int) -> Tree:
        children = [self._not(depth)]
        while self._kind not in {"END", ")", "OR"}:
            if self._kind == "AND":
                self._operator()
            children.append(self._not(depth))
        return joined(And, children)

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
        return denied(tree) if flips % 2 else tree

    def _one(self, depth: int) -> Tree:
        token = self._take()
        if token.kind == "WORD":
            condition = condition_of(token, self._now)
            return denied(condition) if token.negated else condition
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
