"""Writing row by row through PgBouncer in transaction mode, in a project that has not told Django of it."""

import threading

from django.db import connections

from djtaskq.db import prepared
from tests.contract.beat.test_pgbouncer import database  # noqa: F401  a fixture
from tests.contract.core.test_single import WRITES, row
from tests.models import Note

WRITERS = 4
ROWS = 5 * prepared.OFTEN


def test_writers_that_share_servers_write_all_their_rows(database):  # noqa: F811
    """What one of them prepares is on a server that another one gets, and not on the one it gets next."""
    failed = []
    together = threading.Barrier(WRITERS)

    def write(writer):
        try:
            together.wait(30)
            for number in range(ROWS):
                WRITES.write(row(f"{writer} {number}", text=f"{writer}"), using=database)
        except Exception as error:  # noqa: BLE001  whatever it is, the test is to say so
            failed.append(error)
        finally:
            connections[database].close()

    threads = [threading.Thread(target=write, args=[writer]) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    stored = Note.objects.values_list("key", "text")
    assert set(stored) == {(f"{w} {n}", f"{w}") for w in range(WRITERS) for n in range(ROWS)}
