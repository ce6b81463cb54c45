import pytest

from tests.faults.conftest import ROWS
from tests.faults.monitor.scene import Scene


@pytest.fixture
def make_scene(processes, pytestconfig):
    """Return a function that makes a scene on a broker; `make faults` runs what docs/faults.md tells of."""
    record = pytestconfig.stash.setdefault(ROWS, []).append

    def make(broker_url, **environment):
        return Scene(processes, broker_url, record, **environment)

    return make
