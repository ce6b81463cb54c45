from django.utils.translation import gettext_lazy as _

from djtaskq import dependent


class DjtaskqBeatConfig(dependent.DependentConfig):
    name = "djtaskq_beat"
    verbose_name = _("Periodic task runs")
    default_auto_field = "django.db.models.BigAutoField"
    needs = ("django_celery_beat",)

    def ready(self) -> None:
        from djtaskq import timelines, vitals
        from djtaskq_beat import checks, migrating, queries, signals
        from djtaskq_beat.vitals import read

        timelines.register("djtaskq_beat", queries.timeline, order=300)
        vitals.register("djtaskq_beat", read, order=200)
        checks.register()
        migrating.register()
        migrating.connect()
        signals.connect()
