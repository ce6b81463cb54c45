from django.utils.translation import gettext_lazy as _

from djtaskq import dependent


class DjtaskqMonitorConfig(dependent.DependentConfig):
    name = "djtaskq_monitor"
    verbose_name = _("Celery monitor")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from djtaskq import outcomes, timelines, vitals
        from djtaskq_monitor import checks, queries
        from djtaskq_monitor.vitals import read

        # The result itself, where it is kept, knows better than the events about it.
        outcomes.register("djtaskq_monitor", queries.outcomes_of, order=200)
        timelines.register("djtaskq_monitor", queries.moments_of, order=200)
        vitals.register("djtaskq_monitor", read, order=100)
        checks.register()
