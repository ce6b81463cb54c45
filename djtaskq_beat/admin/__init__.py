from django.apps import apps

if apps.is_installed("django_celery_beat"):  # where it is not, the system check djtaskq_beat.E001 says so
    from djtaskq_beat.admin import periodic_tasks, runs, schedules  # noqa: F401  they register themselves
