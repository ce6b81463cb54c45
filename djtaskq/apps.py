from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DjtaskqConfig(AppConfig):
    name = "djtaskq"
    verbose_name = _("Celery")

    def ready(self) -> None:
        from django.core.signals import setting_changed

        from djtaskq import checks, conf  # checks register themselves when imported

        setting_changed.connect(conf.forget, dispatch_uid="djtaskq.conf.forget")
        checks.register()
