"""How far a long command is, on stderr, for a person who looks on."""

from argparse import ArgumentParser
from typing import Any

from tqdm import tqdm


def add_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--no-progress",
        action="store_false",
        dest="progress",
        help="Show no progress bar. There is none anyway where stderr is no terminal.",
    )


def bar(total: int | None, unit: str, *, progress: bool = True) -> Any:
    """A context manager with `update(number)`; `total` None where nobody knows how many there are.

    Writes to stderr alone, so that what a command prints can be piped, and nothing where it is no terminal.
    """
    return tqdm(total=total, unit=f" {unit}", disable=None if progress else True, dynamic_ncols=True)
