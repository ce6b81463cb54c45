"""Sends all ORM traffic of a test, of every thread and of the processes it starts, to one database."""

import os
from contextlib import contextmanager

# Processes that a test starts learn the alias from here.
VARIABLE = "DJTASKQ_TEST_DATABASE"


class Router:
    def db_for_read(self, model, **hints):
        return os.environ.get(VARIABLE)

    db_for_write = db_for_read

    def allow_relation(self, first, second, **hints):
        return True


@contextmanager
def routed_to(alias):
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = alias
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
