"""Room in the pages of rows that change, and what lists go by for the rows that are there."""

from django.db import migrations
from django.utils import timezone

from djtaskq.db.storage import set_fillfactor

_AT_ONCE = 1_000
_ENDED = ("SUCCESS", "FAILURE", "REVOKED", "REJECTED", "CANCELLED")


def leave_room(apps, schema_editor):
    set_fillfactor(schema_editor, apps.get_model("djtaskq_monitor", "TaskState"), 50)
    set_fillfactor(schema_editor, apps.get_model("djtaskq_monitor", "WorkerState"), 50)


def pack(apps, schema_editor):
    set_fillfactor(schema_editor, apps.get_model("djtaskq_monitor", "TaskState"), 100)
    set_fillfactor(schema_editor, apps.get_model("djtaskq_monitor", "WorkerState"), 100)


def fill(apps, schema_editor):
    model = apps.get_model("djtaskq_monitor", "TaskState")
    rows = model.objects.using(schema_editor.connection.alias)
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").only("pk", "tstamp", "state")[:_AT_ONCE]):
        for row in batch:
            row.first_seen = row.tstamp if timezone.is_aware(row.tstamp) else timezone.make_aware(row.tstamp)
            row.outcome = row.state if row.state in _ENDED else None
        rows.bulk_update(batch, ["first_seen", "outcome"])
        last = batch[-1].pk


class Migration(migrations.Migration):
    dependencies = [("djtaskq_monitor", "0002_statistics")]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(leave_room, pack),
    ]
