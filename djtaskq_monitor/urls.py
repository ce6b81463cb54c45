"""What machines ask: `path("celery/", include("djtaskq_monitor.urls"))`."""

from django.urls import path

from djtaskq_monitor import views

app_name = "djtaskq_monitor"
urlpatterns = [path("healthcheck", views.healthcheck, name="healthcheck")]
