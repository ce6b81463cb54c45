"""Task status as JSON: `path("tasks/", include("djtaskq_results.urls"))`."""

from django.urls import path

from djtaskq_results import views

app_name = "djtaskq_results"
urlpatterns = [path("<str:task_id>/", views.task_status, name="task_status")]
