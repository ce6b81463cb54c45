"""Apps that build upon others, and say so before anything stumbles over what is missing."""

from typing import ClassVar

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured

from djtaskq.errors import DjtaskqError


class MissingApp(DjtaskqError, ImproperlyConfigured):
    """{app} builds upon {missing}: add "{missing}" to INSTALLED_APPS, then run manage.py migrate."""


class DependentConfig(AppConfig):
    """An app that needs the core and the apps in `needs`; without one of them it raises `MissingApp`.

    That is when its models are imported: before the first module that would fail on a model of an app that
    is not installed, with an error that does not tell what to do; and before system checks can run at all.

    Import the module, not the class: Django takes neither of two AppConfigs that it finds in an `apps.py`.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def import_models(self) -> None:
        for needed in ("djtaskq", *self.needs):
            if not apps.is_installed(needed):
                raise MissingApp(app=self.name, missing=needed)
        super().import_models()
