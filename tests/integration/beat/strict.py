"""The ready-to-run project under a Content-Security-Policy that forbids everything inline."""

from djtaskq.project.settings import *  # noqa: F403
from djtaskq.project.settings import MIDDLEWARE as _THEIRS

MIDDLEWARE = [*_THEIRS, "tests.policy.policy"]
