"""What the lists of the monitor share."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from djtaskq.admin import lists
from djtaskq_monitor import queries, remarks


class MonitorAdmin(lists.BigTableAdmin):
    """A list that says so when no camera writes what it shows."""

    change_list_template = "djtaskq_monitor/change_list.html"
    # Whether the list says what of tasks cannot be seen in it.
    remarked = False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        cameras = queries.running_cameras()
        context = {
            "camera_runs": bool(cameras),
            "remarks": remarks.remarks(cameras) if self.remarked else [],
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)
