"""What a task called is found by its root, of which most tasks are their own and need no entry."""

from django.db import migrations, models
from django.db.models import F, Q

from djtaskq.db.indexes import AddIndexAside


class Migration(migrations.Migration):
    # On PostgreSQL it is made while cameras write.
    atomic = False

    dependencies = [("djtaskq_monitor", "0007_queues_and_pages")]

    operations = [
        AddIndexAside(
            model_name="taskstate",
            index=models.Index(
                fields=["root_id"],
                name="djtaskq_monitor_task_root",
                condition=Q(root_id__isnull=False) & ~Q(root_id=F("task_id")),
            ),
        ),
    ]
