from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

NEEDED = ("djtaskq", "django_celery_results")


class DjtaskqResultsConfig(AppConfig):
    name = "djtaskq_results"
    verbose_name = _("Celery results (djtaskq)")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        # Before the first module that would stumble over a model whose app is not installed, and before
        # system checks can run at all.
        from djtaskq_results.errors import MissingApp

        for needed in NEEDED:
            if not apps.is_installed(needed):
                raise MissingApp(missing=needed)
        super().import_models()

    def ready(self) -> None:
        from djtaskq import outcomes
        from djtaskq_results import checks, queries

        outcomes.register("djtaskq_results", queries.outcomes)
        checks.register()
