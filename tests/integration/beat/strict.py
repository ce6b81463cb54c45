"""The ready-to-run project under a Content-Security-Policy that forbids everything inline."""

from djtaskq.project.settings import *  # noqa: F403
from djtaskq.project.settings import MIDDLEWARE as _THEIRS

MIDDLEWARE = [*_THEIRS, "tests.integration.beat.strict.policy"]


def policy(get_response):
    def answer(request):
        response = get_response(request)
        response["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
        return response

    return answer
