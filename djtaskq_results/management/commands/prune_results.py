"""`manage.py prune_results`: take expired results away now, or say how many would go."""

import datetime as dt
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from celery import current_app
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from djtaskq import progress
from djtaskq.errors import DjtaskqError
from djtaskq_results import retention
from djtaskq_results.ages import age, spelled

# A dry run looks at no more rows than that.
MOST = 1_000_000


class Command(BaseCommand):
    """Do what `celery.backend_cleanup` does each night, from the first row on and to the end."""

    help = (
        "Delete results that have expired by RESULTS_RETENTION and Celery's result_expires, with what goes "
        "with them, in small batches. The task celery.backend_cleanup does so each night."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Say what would go, and delete nothing.")
        parser.add_argument(
            "--older-than",
            type=_age,
            metavar="AGE",
            help="Results of this age, in place of the settings: seconds, or as in “30 days”.",
        )
        parser.add_argument(
            "--state", action="append", default=[], help="With --older-than: results in this state alone."
        )
        parser.add_argument(
            "--task",
            action="append",
            default=[],
            metavar="NAME",
            help="With --older-than: results of this task alone; “*” stands for any characters.",
        )
        progress.add_option(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["older_than"] is None and (options["state"] or options["task"]):
            raise CommandError("--state and --task go with --older-than.")
        try:
            policy = _policy(options)
            with progress.bar(None, "rows", progress=options["progress"]) as bar:
                told = self._survey(policy, bar) if options["dry_run"] else self._expire(policy, bar)
        except DjtaskqError as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, InterfaceError) as error:
            said = str(error).strip() or type(error).__name__
            raise CommandError(
                f"The database does not do what it was asked ({said}). See that it runs, and that "
                "“manage.py migrate” has been run."
            ) from error
        self.stdout.write(told)

    def _expire(self, policy: retention.Policy, bar: Any) -> str:
        expired = retention.expire(policy, everything=True, told=bar.update)
        told = (
            f"Deleted {expired.tasks:,} results, {expired.groups:,} groups and {expired.chords:,} chords "
            f"that never ended; the longest batch took {1000 * expired.longest:,.0f} ms."
        )
        if expired.protected:
            told += f"\n{expired.protected:,} rows stay, since other tables refer to them and forbid it."
        return told

    def _survey(self, policy: retention.Policy, bar: Any) -> str:
        found, all_seen = retention.survey(policy, MOST, told=bar.update)
        ages = {rule.name: rule.age for rule in policy.tasks.rules()} | {"groups": policy.groups}
        width = max(map(len, ages))
        lines = [
            f"{name:<{width}}  kept {spelled(limit):<12}  {_number(found[name], all_seen=all_seen)}"
            for name, limit in ages.items()
        ]
        if not all_seen:
            lines.append(f"These are of the oldest {MOST:,} rows: there are more.")
        return "\n".join([*lines, "This was a dry run, nothing is deleted."])


def _policy(options: dict[str, Any]) -> retention.Policy:
    if options["older_than"] is None:
        return retention.policy(current_app.conf, current_app.conf.result_expires)
    return retention.policy_of_one_age(options["older_than"], options["state"], options["task"])


def _number(count: int, *, all_seen: bool) -> str:
    return f"{count:,} to go" if all_seen else f"{count:,} or more to go"


def _age(text: str) -> dt.timedelta:
    try:
        span = age(float(text)) if text.replace(".", "", 1).isdecimal() else age(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    if span is None:  # no text means that
        raise ArgumentTypeError("--older-than wants an age.")
    return span
