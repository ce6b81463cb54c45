"""How hard laws are tried: some hundred examples each, and 10,000 with DJTASKQ_TEST_LONG=1."""

import os

import pytest
from hypothesis import HealthCheck, settings

LONG = "DJTASKQ_TEST_LONG" in os.environ

law = settings(max_examples=10_000 if LONG else 200, deadline=None)
# Each example writes to a database.
law_in_sql = settings(
    max_examples=10_000 if LONG else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
takes_long = pytest.mark.timeout(4 * 3_600 if LONG else 120)
