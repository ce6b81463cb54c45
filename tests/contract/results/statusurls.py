from django.urls import include, path

from tests.urls import urlpatterns as admin_urls

urlpatterns = [*admin_urls, path("tasks/", include("djtaskq_results.urls"))]
