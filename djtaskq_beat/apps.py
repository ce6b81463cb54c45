from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class DjtaskqBeatConfig(AppConfig):
    name = "djtaskq_beat"
    verbose_name = _("Periodic task runs")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        if apps.is_installed("django_celery_beat"):
            super().import_models()
        else:  # the models cannot be without theirs, and the check must live to say so
            self.models = {}

    def ready(self) -> None:
        from djtaskq_beat import checks, signals

        checks.register()
        signals.connect()
