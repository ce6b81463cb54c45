from django.utils.translation import gettext_lazy as _

from djtaskq import dependent


class DjtaskqBeatConfig(dependent.DependentConfig):
    name = "djtaskq_beat"
    verbose_name = _("Periodic task runs")
    default_auto_field = "django.db.models.BigAutoField"
    needs = ("django_celery_beat",)

    def ready(self) -> None:
        from djtaskq import timelines, upcoming, vitals
        from djtaskq_beat import checks, coming, migrating, queries, signals
        from djtaskq_beat.vitals import read

        timelines.register("djtaskq_beat", queries.timeline, order=300)
        vitals.register("djtaskq_beat", read, order=200)
        upcoming.register("djtaskq_beat", coming.read, permission="django_celery_beat.view_periodictask")
        checks.register()
        migrating.register()
        migrating.connect()
        signals.connect()
