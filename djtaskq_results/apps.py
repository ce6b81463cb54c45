from django.utils.translation import gettext_lazy as _

from djtaskq import dependent


class DjtaskqResultsConfig(dependent.DependentConfig):
    name = "djtaskq_results"
    verbose_name = _("Celery results (djtaskq)")
    default_auto_field = "django.db.models.BigAutoField"
    needs = ("django_celery_results",)

    def ready(self) -> None:
        from celery.signals import before_task_publish, task_received, worker_process_init, worker_ready
        from django.core.signals import request_finished

        from djtaskq import arguments, outcomes, timelines, vitals
        from djtaskq.db import aside
        from djtaskq_results import again, checks, database, details, queries, watchdog, widekeys
        from djtaskq_results.vitals import read

        outcomes.register("djtaskq_results", queries.outcomes)
        timelines.register("djtaskq_results", queries.moments_of)
        vitals.register("djtaskq_results", read, order=300)
        arguments.register("djtaskq_results", again.arguments_of)
        checks.register()
        widekeys.register()
        watchdog.connect()
        before_task_publish.connect(details.stamp_sent, dispatch_uid="djtaskq_results.sent")
        task_received.connect(details.stamp_received, dispatch_uid="djtaskq_results.received")
        worker_ready.connect(widekeys.warn_at_start, dispatch_uid="djtaskq_results.keys")
        worker_process_init.connect(database.keep_connection, dispatch_uid="djtaskq_results.connection")
        request_finished.connect(aside.close_obsolete, dispatch_uid="djtaskq_results.aside")
