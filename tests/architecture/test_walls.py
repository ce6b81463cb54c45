"""The walls of the house: each test fails with the reason why the wall is there."""

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import walls

SOURCES = walls.sources()
IMPORTS = [found for source in SOURCES for found in source.imports()]
TEMPLATES = [path for package in walls.PACKAGES for path in (walls.ROOT / package).rglob("*.html")]

IMPORT_RULES = {
    walls.app_imports_app: (
        "The three apps meet only through rows, Celery's messages and the core's seams: each must work where "
        "the other two are not installed. Put what both need into djtaskq, or ask through djtaskq.outcomes."
    ),
    walls.core_imports_upwards: (
        "The core lies below the apps: importing it must work in a project that has none of them, nor "
        "django-celery-beat, nor django-celery-results."
    ),
    walls.peer_outside_its_app: (
        "django_celery_beat is known in djtaskq_beat alone and django_celery_results in djtaskq_results "
        "alone, so that a change of theirs is met in one place."
    ),
    walls.project_names_apps_by_import: (
        "The ready-to-run project is a user of the suite like any other: it names apps by string."
    ),
    walls.pure_module_is_not: (
        "A pure module holds the hard thinking and is tested without a database or a Celery app."
    ),
    walls.looks_upwards: (
        "Imports go downwards only: schedulers, backends, camera and admin know the store and the queries, "
        "which know the models; never the other way."
    ),
}


def _said(places, reason):
    return "\n".join([reason, *map(str, places)])


@pytest.mark.parametrize("rule", IMPORT_RULES, ids=lambda rule: rule.__name__)
def test_imports_respect_the_wall(rule):
    broken = [f"{found.place} {found.module} imports {found.imported}" for found in IMPORTS if rule(found)]
    assert not broken, _said(broken, IMPORT_RULES[rule])


@pytest.mark.parametrize(
    ("rule", "module", "line"),
    [
        (walls.app_imports_app, "djtaskq_beat.queries", "from djtaskq_results.models import X"),
        (walls.app_imports_app, "djtaskq_monitor.camera", "import djtaskq_beat"),
        (walls.core_imports_upwards, "djtaskq.outcomes", "from djtaskq_monitor import queries"),
        (walls.core_imports_upwards, "djtaskq.checks", "import django_celery_beat.models"),
        (walls.peer_outside_its_app, "djtaskq_results.store", "from django_celery_beat.models import X"),
        (walls.peer_outside_its_app, "djtaskq_monitor.queries", "import django_celery_results"),
        (walls.project_names_apps_by_import, "djtaskq.project.tasks", "import djtaskq_beat.models"),
        (walls.pure_module_is_not, "djtaskq_beat.occurrences.interval", "from django.db import models"),
        (walls.pure_module_is_not, "djtaskq_results.rows", "from celery import current_app"),
        (walls.looks_upwards, "djtaskq_beat.store", "from djtaskq_beat.schedulers import X"),
        (walls.looks_upwards, "djtaskq_beat.models", "from .store import claim"),
    ],
)
def test_the_rule_notices_a_breach(rule, module, line):
    source = walls.Source(module, Path(f"{module.split('.')[-1]}.py"), ast.parse(line))
    assert any(rule(found) for found in source.imports())


def test_sql_dialects_are_known_in_one_place():
    broken = [place for source in SOURCES for place in walls.dialect_words(source)]
    assert not broken, _said(
        broken, "Ask djtaskq.db for a feature, never a connection for its vendor, and write no SQL elsewhere."
    )


def test_a_dialect_elsewhere_is_noticed():
    source = walls.Source("djtaskq_beat.store", Path("store.py"), ast.parse("connection.vendor"))
    assert list(walls.dialect_words(source))


def test_our_settings_are_read_in_one_place():
    broken = [place for source in SOURCES for place in walls.settings_readers(source)]
    assert not broken, _said(broken, "Only djtaskq/conf.py reads DJTASKQ: the rest asks conf().")


@pytest.mark.parametrize("line", ["settings.DJTASKQ", "getattr(settings, 'DJTASKQ', {})"])
def test_another_reader_of_our_settings_is_noticed(line):
    source = walls.Source("djtaskq_beat.store", Path("store.py"), ast.parse(line))
    assert list(walls.settings_readers(source))


def test_the_core_package_imports_nothing():
    (core,) = [source for source in SOURCES if source.module == "djtaskq"]
    assert not list(core.imports()), (
        "Importing djtaskq in somebody's project must not install this project's Celery app."
    )


def test_importing_the_core_installs_no_celery_app():
    code = (
        "import djtaskq, djtaskq.conf, djtaskq.errors, djtaskq.outcomes, celery._state as state;"
        "assert state.default_app is None, state.default_app"
    )
    subprocess.run([sys.executable, "-c", code], cwd=walls.ROOT, check=True, capture_output=True)


def test_ready_connects_and_registers_and_nothing_more():
    broken = [
        place
        for source in SOURCES
        for place, statement in walls.ready_statements(source)
        if not walls.connects_or_registers(statement)
    ]
    assert not broken, _said(
        broken, "ready() connects signals and registers checks: it runs in every command."
    )


def test_work_in_ready_is_noticed():
    (statement,) = ast.parse("Model.objects.count()").body
    assert not walls.connects_or_registers(statement)


def test_files_stay_small():
    lengths = {source.path: len(source.path.read_text().splitlines()) for source in SOURCES}
    too_long = [f"{path}: {length} lines" for path, length in lengths.items() if length > 500]
    assert not too_long, _said(too_long, "One trait, one file: split it.")


def test_functions_stay_short():
    lengths = [length for source in SOURCES for _, length in walls.functions(source)]
    p90 = statistics.quantiles(lengths, n=10)[-1]
    assert p90 <= 30, f"nine functions in ten have 30 lines or fewer; now the bound is {p90}"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(walls.ROOT)))
def test_a_template_holds_under_a_strict_content_security_policy(template):
    text = template.read_text()
    for pattern, what in {
        r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")": "an inline script",
        r"<style": "an inline style sheet",
        r"\sstyle=": "an inline style",
        r"\son[a-z]+=": "an inline event handler",
        r"(src|href)=\"(https?:)?//": "something from another host",
    }.items():
        assert not re.search(pattern, text), f"{template} has {what}: a strict CSP would refuse it"
