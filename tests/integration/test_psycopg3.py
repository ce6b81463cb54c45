"""The same contract on the other driver: Django takes psycopg 3 where it is installed, else psycopg2."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def environment(pytestconfig):
    """The environment of a process that finds psycopg 3: beside our packages, since it hides psycopg2."""
    folder = pytestconfig.cache.mkdir("psycopg3")
    if not (folder / "psycopg").exists():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", "--target", folder, "psycopg[binary]>=3.1.12"], check=True)
    return os.environ | {"PYTHONPATH": str(folder)}


def test_the_contract_holds_on_psycopg_3(environment):
    code = "from django.db.backends.postgresql.psycopg_any import is_psycopg3; print(is_psycopg3)"
    assert run(environment, "-c", code).stdout == "True\n"
    done = run(
        environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract", "-k", "postgresql"
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert " passed" in done.stdout.splitlines()[-1]


def run(environment, *arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, check=False, text=True
    )
