from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "djtaskq.project"
    label = "djtaskq_project"
