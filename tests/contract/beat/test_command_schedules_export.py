"""`schedules export`: what is in the rows is in the file, and may come back from it."""

import datetime as dt
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from djtaskq_beat.models import NextRun
from tests.contract.beat.filing import FILE, export


def test_rows_that_nobody_could_import_are_exported_as_they_are(database, make_task):
    make_task("a", args="[1, 2")
    CrontabSchedule.objects.bulk_create([CrontabSchedule(minute="99", timezone="Europe/Berlin")])
    crontab = CrontabSchedule.objects.get(minute="99")
    make_task("b", crontab=crontab)
    err = io.StringIO()
    call_command("schedules", "export", stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == "“a”: its args are no list that YAML can hold: exported as text.\n"
    assert "    args: '[1, 2'\n" in export()
    assert "    crontab: 99 * * * *\n" in export()


def test_some_alone_are_exported_by_name(database, bring):
    bring(FILE)
    assert export("--only", "poll", "once").count("task:") == 2
    with pytest.raises(CommandError, match=r"“pol”. Did you mean “poll”\?"):
        export("--only", "pol")


def test_a_file_is_replaced_as_a_whole(database, bring, tmp_path):
    bring(FILE)
    file = tmp_path / "out.yaml"
    file.write_text("old")
    assert export(str(file)) == ""
    assert file.read_text() == FILE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.yaml", "schedules.yaml"]
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        export(str(tmp_path / "none" / "out.yaml"))
    with pytest.raises(CommandError, match="cannot be read: No such file or directory"):
        call_command("schedules", "import", str(tmp_path / "none"))


TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0", max_codepoint=0xFFFF), max_size=9
)
VALUE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
TASKS = st.lists(
    st.fixed_dictionaries(
        {"args": st.lists(VALUE, max_size=3), "kwargs": st.dictionaries(TEXT, VALUE, max_size=2)},
        optional={
            "queue": TEXT,
            "priority": st.integers(0, 255),
            "description": TEXT,
            "enabled": st.booleans(),
            "expire_seconds": st.integers(0, 99),
            "start_time": st.integers(0, 2**32).map(lambda at: dt.datetime.fromtimestamp(at, dt.UTC)),
        },
    ),
    max_size=4,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(TASKS)
def test_an_export_imported_elsewhere_is_exported_as_the_same(database, bring, tasks):
    _clear()
    interval = IntervalSchedule.objects.create(every=2, period="days")
    for number, columns in enumerate(tasks):
        texts = {name: json.dumps(columns[name]) for name in ("args", "kwargs")}
        PeriodicTask.objects.create(
            name=f"task-{number}", task="t", interval=interval, **{**columns, **texts}
        )
    first = export()
    assert f"0 created, 0 changed, {len(tasks)} unchanged." in bring(first)
    _clear()
    assert f"{len(tasks)} created, 0 changed, 0 unchanged." in bring(first)
    assert export() == first


def _clear():
    for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule, NextRun):
        model.objects.all()._raw_delete(PeriodicTask.objects.all().db)
