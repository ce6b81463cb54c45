"""`manage.py schedules export|import`: the schedules as a YAML file, for review in git."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management import BaseCommand, CommandError

from djtaskq import progress
from djtaskq_beat.errors import NoSuchSchedule
from djtaskq_beat.exchange.applying import apply
from djtaskq_beat.exchange.document import read, written
from djtaskq_beat.exchange.entries import JSON
from djtaskq_beat.exchange.exporting import entries, keys_by_name
from djtaskq_beat.exchange.planning import Plan, plan
from djtaskq_beat.exchange.summary import lines
from djtaskq_beat.management.output import database, errors_told
from djtaskq_beat.naming import pk_of

_MOST_LINES = 50
_STANDARD = "-"


class Command(BaseCommand):
    """Two commands in one, since a file that one writes is one that the other reads."""

    help = "Write the schedules into a YAML file, or bring them to what a file says."

    def add_arguments(self, parser: ArgumentParser) -> None:
        ways = parser.add_subparsers(dest="way", required=True, metavar="export|import")
        exporting = ways.add_parser("export", help="Write schedules as YAML.")
        exporting.add_argument(
            "file", nargs="?", default=_STANDARD, help="Where to; standard output if it is left out."
        )
        exporting.add_argument("--only", nargs="+", metavar="NAME", help="These schedules alone.")
        importing = ways.add_parser("import", help="Bring the schedules to what a file says.")
        importing.add_argument("file", help="The file, or - for standard input.")
        importing.add_argument("--dry-run", action="store_true", help="Say what would be changed.")
        missing = importing.add_mutually_exclusive_group()
        missing.add_argument(
            "--disable-missing", action="store_true", help="Disable schedules that the file does not name."
        )
        missing.add_argument(
            "--prune", action="store_true", help="Delete schedules that the file does not name."
        )
        for each in (exporting, importing):
            progress.add_option(each)

    def handle(self, *_args: Any, way: str, **options: Any) -> None:
        with errors_told():
            (self._export if way == "export" else self._import)(options)

    def _export(self, options: dict[str, Any]) -> None:
        using = database()
        keys = keys_by_name(using, options["only"])
        for name in sorted(set(options["only"] or ()) - {name for name, _ in keys}):
            pk_of(name, using)
            raise NoSuchSchedule(name=name, hint="Write it as it is in the admin, with the same capitals.")
        with (
            progress.bar(len(keys), "schedules", progress=options["progress"]) as bar,
            self._written_to(options["file"]) as write,
        ):
            for text in written(self._watched(entries(keys, using), bar)):
                write(text)

    def _watched(self, found: Iterator[Any], bar: Any) -> Iterator[Any]:
        for name, entry in found:
            for field in (field for field in JSON if isinstance(entry.get(field), str)):
                shape = "list" if JSON[field] is list else "mapping"
                self.stderr.write(
                    f"“{name}”: its {field} are no {shape} that YAML can hold: exported as text."
                )
            yield name, entry
            bar.update(1)

    @contextmanager
    def _written_to(self, file: str) -> Iterator[Any]:
        if file == _STANDARD:
            yield lambda text: self.stdout.write(text, ending="")
            return
        path = Path(file)
        # Whoever reads the file finds the old one or the new one, whatever happens on the way.
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with unfinished.open("w", encoding="utf-8", newline="\n") as stream:
                yield stream.write
            unfinished.replace(path)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror or error}.") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def _import(self, options: dict[str, Any]) -> None:
        using, file = database(), options["file"]
        seek = None
        if options["prune"] or options["disable_missing"]:
            seek = (lambda rows: rows) if options["prune"] else (lambda rows: rows.filter(enabled=True))
        with (
            _read_from(file) as stream,
            progress.bar(None, "schedules compared", progress=options["progress"]) as bar,
        ):
            where = "Standard input" if file == _STANDARD else file
            found = plan(read(stream, where), using, seek_missing=seek, advance=bar.update)
        if not options["dry_run"]:
            number = len(found.created) + len(found.changed) + len(found.missing)
            with progress.bar(number, "schedules written", progress=options["progress"]) as bar:
                apply(found, using, delete=options["prune"], advance=bar.update)
        self._tell(found, options)

    def _tell(self, found: Plan, options: dict[str, Any]) -> None:
        most = None if options["verbosity"] > 1 else _MOST_LINES
        for line in lines(found, deleted=options["prune"], dry_run=options["dry_run"], most=most):
            self.stdout.write(line)


@contextmanager
def _read_from(file: str) -> Iterator[IO[str]]:
    if file == _STANDARD:
        yield sys.stdin
        return
    try:
        stream = Path(file).open(encoding="utf-8")  # noqa: SIM115  closed below
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}.") from error
    with stream:
        yield stream
