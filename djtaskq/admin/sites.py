"""Taking the place of another app's admin class."""

from django.contrib import admin
from django.db.models import Model


def replace(
    model: type[Model], admin_class: "type[admin.ModelAdmin[Model]]", site: admin.AdminSite = admin.site
) -> None:
    """Register `admin_class` for `model` under the same URLs, whoever is registered for it.

    Import the other app's admin module before: whatever the order of INSTALLED_APPS, it has then
    registered itself already and cannot find its place taken later.
    """
    if site.is_registered(model):
        site.unregister(model)
    site.register(model, admin_class)
