"""`python -m tests.servers up FILE | down FILE | status FILE`."""

import argparse
import sys
from pathlib import Path

from tests.servers import fleet
from tests.servers.base import ServerError
from tools.machine import MissingProgramsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start all four and write to FILE how to reach them (DJTASKQ_TEST_SERVERS=FILE uses it)"),
        ("down", "end the servers of FILE, with their data"),
        ("status", "tell where the servers of FILE are"),
    ):
        commands.add_parser(name, help=text).add_argument("file", type=Path)
    options = parser.parse_args()
    try:
        _run(options)
    except (MissingProgramsError, ServerError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    if options.command == "up":
        fleet.up(options.file)
    elif options.command == "down":
        fleet.down(options.file)
    if options.command in {"up", "status"}:
        for name, answer in fleet.status(options.file).items():
            sys.stdout.write(f"{name:12}{answer}\n")


if __name__ == "__main__":
    sys.exit(main())
