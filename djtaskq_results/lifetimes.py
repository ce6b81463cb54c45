"""How long each result is kept: `DJTASKQ["RESULTS_RETENTION"]` over Celery's own settings.

The setting is a dictionary of at most three parts:

    {
        "states": {"SUCCESS": "1 day", "FAILURE": "30 days"},
        "tasks": {
            "proj.tasks.audit": None,
            "proj.imports.*": {"SUCCESS": "1 hour", "FAILURE": "90 days"},
        },
        "groups": "30 days",
    }

Of the entries of `tasks` the full name comes first, then the pattern with the most characters that are no
`*`, then the one that was written first. The first that says something of a row's state holds; then
`states`; then `result_failure_expires` for a failure, and `result_expires`.
"""

import datetime as dt
import difflib
import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from celery.states import ALL_STATES, FAILURE, IGNORED, REJECTED

from djtaskq.errors import DjtaskqError
from djtaskq_results.ages import age

PARTS = ("states", "tasks", "groups")
STATES = tuple(sorted({*ALL_STATES, IGNORED, REJECTED}))
_A_STATE = re.compile(r"[A-Z][A-Z0-9_]{0,49}")
_ALIKE = 0.75

Age = dt.timedelta | None


class InvalidRetention(DjtaskqError):
    """DJTASKQ["RESULTS_RETENTION"]{where}: {reason}"""


class Rule(NamedTuple):
    """What decides about a row: its place in the settings, for people, and how old the row may get."""

    name: str
    age: Age


class Task(NamedTuple):
    """One entry of `tasks`: a name or a pattern, and rules by state; under None that for all other states."""

    pattern: str
    rules: Mapping[str | None, Rule]

    @property
    def literal(self) -> tuple[bool, int]:
        """Sorts the most specific last."""
        return "*" not in self.pattern, len(self.pattern.replace("*", ""))

    def matches(self, name: str) -> bool:
        return _expression(self.pattern).fullmatch(name) is not None


class Lifetimes:
    """Which rule decides about a row in a state, of a task."""

    def __init__(self, states: Mapping[str, Rule], tasks: list[Task], otherwise: Rule) -> None:
        self._states = states
        # A stable sort, so that of two alike the one written first comes first.
        self._tasks = sorted(tasks, key=lambda task: task.literal, reverse=True)
        self.otherwise = otherwise
        self._known: dict[tuple[str, str | None], Rule] = {}

    def rule(self, state: str, task: str | None) -> Rule:
        """The rule for rows of this state and task; None for rows that have no task name."""
        key = state, task
        if key not in self._known:
            if len(self._known) > 10_000:  # noqa: PLR2004  names that are made up as tasks are sent
                self._known.clear()
            self._known[key] = self._find(state, task)
        return self._known[key]

    def rules(self) -> list[Rule]:
        """All rules, the most specific first."""
        by_task = [rule for task in self._tasks for rule in task.rules.values()]
        return [*by_task, *self._states.values(), self.otherwise]

    @property
    def ages(self) -> set[dt.timedelta]:
        return {rule.age for rule in self.rules() if rule.age is not None}

    @property
    def by_name(self) -> bool:
        """Whether names of tasks matter."""
        return bool(self._tasks)

    @property
    def by_age_alone(self) -> bool:
        """Whether one rule decides about every row."""
        return not self._tasks and not self._states

    @property
    def fingerprint(self) -> str:
        """Differs where the rules differ."""
        told = [(task.pattern, sorted(map(repr, task.rules.items()))) for task in self._tasks]
        text = repr((told, sorted(self._states.items()), self.otherwise))
        return hashlib.sha256(text.encode()).hexdigest()

    def _find(self, state: str, name: str | None) -> Rule:
        for task in self._tasks if name is not None else ():
            if task.matches(name or "") and (rule := task.rules.get(state, task.rules.get(None))):
                return rule
        return self._states.get(state, self.otherwise)


def lifetimes(setting: Mapping[str, Any] | None, *, otherwise: Age, failures: Age) -> Lifetimes:
    """The rules that `setting` (None: none) and Celery's two settings make; raises `InvalidRetention`."""
    setting = setting or {}
    for where, reason in problems(setting):
        raise InvalidRetention(where=where, reason=reason)
    states: dict[str, Rule] = {}
    if failures != otherwise:
        states[FAILURE] = Rule("result_failure_expires", failures)
    states |= {state: Rule(state, age(value)) for state, value in setting.get("states", {}).items()}
    tasks = [_task(pattern, value) for pattern, value in setting.get("tasks", {}).items()]
    return Lifetimes(states, tasks, Rule("result_expires", otherwise))


def group_age(setting: Mapping[str, Any] | None, otherwise: Age) -> Age:
    """How old the rows of groups may get; the setting is one that `lifetimes` took."""
    return age(setting["groups"]) if setting and "groups" in setting else otherwise


def problems(setting: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the setting: in which entry, as in `["tasks"]["a.b"]`, and why."""
    for part, value in setting.items():
        where = f"[{part!r}]"
        if part not in PARTS:
            yield where, _unknown_part(part)
        elif part == "groups":
            yield from _age_problems(where, value)
        elif not isinstance(value, Mapping):
            yield where, f"{value!r} is no dictionary of {part} and their ages."
        elif part == "states":
            yield from _states_problems(where, value)
        else:
            for pattern, ages in value.items():
                yield from _task_problems(f"{where}[{pattern!r}]", pattern, ages)


def _task(pattern: str, value: object) -> Task:
    if not isinstance(value, Mapping):
        return Task(pattern, {None: Rule(pattern, age(value))})
    return Task(pattern, {state: Rule(f"{pattern} {state}", age(one)) for state, one in value.items()})


def _states_problems(where: str, ages: Mapping[Any, object]) -> Iterator[tuple[str, str]]:
    for state, value in ages.items():
        if reason := _no_state(state):
            yield f"{where}[{state!r}]", reason
        yield from _age_problems(f"{where}[{state!r}]", value)


def _task_problems(where: str, pattern: object, value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(pattern, str) or not pattern.strip():
        yield where, "a task is named by a string."
    elif pattern in STATES:
        yield where, f"{pattern} is a state: it belongs under “states”, or under a task's name."
    if isinstance(value, Mapping):
        yield from _states_problems(where, value)
    else:
        yield from _age_problems(where, value)


def _age_problems(where: str, value: object) -> Iterator[tuple[str, str]]:
    try:
        age(value)
    except ValueError as error:
        yield where, str(error)


def _no_state(state: object) -> str:
    """Why this is no state; empty for Celery's, and for others of that form that are no slip of the pen."""
    if not isinstance(state, str):
        return "a state is a string, as in “SUCCESS”."
    close = difflib.get_close_matches(state.upper(), STATES, n=1, cutoff=_ALIKE)
    if close and state != close[0]:
        return f"there is no such state: did you mean {close[0]!r}?"
    if not _A_STATE.fullmatch(state):
        return "this is no state but looks like a task: names of tasks belong under “tasks”."
    return ""


def _unknown_part(part: object) -> str:
    known = ", ".join(f"“{name}”" for name in PARTS)
    if close := difflib.get_close_matches(str(part).lower(), PARTS, n=1, cutoff=_ALIKE):
        return f"there is no such part: did you mean {close[0]!r}?"
    under = "states" if isinstance(part, str) and not _no_state(part) else "tasks"
    return f"there is no such part, only {known}: write {{{under!r}: {{{part!r}: …}}}}."


@functools.lru_cache(maxsize=1_000)
def _expression(pattern: str) -> re.Pattern[str]:
    """As in Celery's `task_routes`, `*` stands for any characters; here for none as well."""
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
