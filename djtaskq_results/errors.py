from django.core.exceptions import ImproperlyConfigured

from djtaskq.errors import DjtaskqError


class ResultsError(DjtaskqError):
    """Something in djtaskq_results went wrong."""


class MissingApp(ResultsError, ImproperlyConfigured):
    """djtaskq_results works on the tables of {missing}: add "{missing}" to INSTALLED_APPS (djtaskq_results.E001)."""  # noqa: E501  the message is one sentence
