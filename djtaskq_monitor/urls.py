"""What machines ask: `path("celery/", include("djtaskq_monitor.urls"))`."""

from django.urls import include, path

from djtaskq_monitor import views
from djtaskq_monitor.metrics.views import metrics

app_name = "djtaskq_monitor"
urlpatterns = [
    path("api/v1/", include("djtaskq_monitor.api.v1.urls")),
    path("api/", include("djtaskq_monitor.api.urls")),
    path("metrics", metrics, name="metrics"),
    path("healthcheck", views.healthcheck, name="healthcheck"),
    path("healthcheck/live", views.liveness, name="live"),
    path("healthcheck/ready", views.readiness, name="ready"),
]
