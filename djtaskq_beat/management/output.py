"""What the commands share: how they are asked for a form, and how their errors are told."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import CommandError
from django.db import DatabaseError, InterfaceError, router

from djtaskq_beat.errors import BeatError
from djtaskq_beat.models import NextRun
from djtaskq_beat.times import parse


def add_format(parser: ArgumentParser, machines: str) -> None:
    parser.add_argument(
        "--format",
        choices=["text", "json"],
        default="text",
        help=f"text for people (the default), or json for machines: {machines}.",
    )


def database() -> str:
    """The database that beat keeps its timetable in."""
    return router.db_for_write(NextRun)


@contextmanager
def errors_told() -> Iterator[None]:
    """Beat's errors and the database's as one sentence each, without a traceback."""
    try:
        yield
    except BeatError as error:
        raise CommandError(str(error)) from error
    except (DatabaseError, InterfaceError) as error:
        said = str(error).strip() or type(error).__name__
        raise CommandError(
            f"The database does not do what it was asked ({said}). See that it runs, and that "
            "“manage.py migrate” has been run."
        ) from error


def time_argument(text: str) -> Any:
    return _checked(parse, text)


def positive(text: str) -> int:
    """A whole number from 1 on, as the type of an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"“{text}” is no whole number from 1 on.")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds that is not negative, as the type of an argument."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise ArgumentTypeError(f"“{text}” is no number of seconds.")
    return number


def _checked(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except BeatError as error:
        raise ArgumentTypeError(str(error)) from error
