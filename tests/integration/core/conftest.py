import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread
from django.test.utils import override_settings

from tests.integration.core import partssite

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "tests.integration.core.partssite.ann_under_a_strict_policy",
    "django.contrib.messages.middleware.MessageMiddleware",
]


@pytest.fixture(scope="module")
def parts_address():
    """The address of a page with every part, served by a thread of this process."""
    settings = override_settings(
        ROOT_URLCONF="tests.integration.core.partssite",
        MIDDLEWARE=MIDDLEWARE,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        MESSAGE_STORAGE="django.contrib.messages.storage.cookie.CookieStorage",
    )
    with settings:
        server = LiveServerThread("127.0.0.1", StaticFilesHandler)
        server.daemon = True
        server.start()
        server.is_ready.wait(30)
        assert server.error is None
        yield f"http://127.0.0.1:{server.port}/"
        server.terminate()


@pytest.fixture
def state():
    """What the page shows; anew for each test."""
    vars(partssite.state).update(vars(partssite.State()))
    return partssite.state
