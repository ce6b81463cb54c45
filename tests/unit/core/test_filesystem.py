import threading
from queue import Empty

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES

from djtaskq.filesystem import Transport

MESSAGES = 300


@pytest.fixture
def connect(filesystem_broker_options):
    """Open one more connection to the same folders."""
    made = []

    def connect():
        made.append(Connection("localhost", transport=Transport, transport_options=filesystem_broker_options))
        return made[-1]

    yield connect
    for connection in made:
        connection.release()


def test_messages_come_in_the_order_in_which_they_were_put(connect):
    queue = connect().SimpleQueue("letters")
    for letter in "abc":
        queue.put(letter)
    assert [queue.get(block=False).payload for _ in range(3)] == ["a", "b", "c"]


def test_queues_are_kept_apart(connect):
    connection = connect()
    connection.SimpleQueue("one").put("for one")
    with pytest.raises(Empty):
        connection.SimpleQueue("two").get(block=False)


def write(connection, start):
    queue = connection.SimpleQueue("numbers")
    for number in range(start, start + MESSAGES):
        queue.put({"number": number, "weight": "x" * 5_000})


def read(connection, done, numbers, errors):
    """Take messages until there are none after `done`."""
    queue = connection.SimpleQueue("numbers")
    last = False
    while True:
        try:
            message = queue.get(block=False)
        except Empty:
            if last:
                return
            last = done.is_set()
        except ValueError as error:  # no message in the file
            errors.append(error)
            return
        else:
            message.ack()
            numbers.append(message.payload["number"])


def test_every_message_is_read_whole_by_one_reader_while_others_write_and_read(connect):
    numbers, errors, done = [], [], threading.Event()
    # kombu remembers for a whole process what is bound, from before it is: only other processes wait for it.
    connect().SimpleQueue("numbers")
    writers = [threading.Thread(target=write, args=(connect(), index * MESSAGES)) for index in range(2)]
    readers = [threading.Thread(target=read, args=(connect(), done, numbers, errors)) for _ in range(3)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in readers:
        thread.join(60)
    assert not errors
    assert sorted(numbers) == list(range(2 * MESSAGES))


def test_its_name_is_the_one_that_celery_knows():
    assert TRANSPORT_ALIASES["filesystem"] == "djtaskq.filesystem:Transport"


def test_bindings_made_at_once_are_all_kept(connect):
    channels = [connect().channel() for _ in range(8)]

    def bind(number):
        for turn in range(10):
            channels[number].queue_declare(f"queue-{number}-{turn}")
            channels[number].queue_bind(f"queue-{number}-{turn}", "events", "")

    channels[0].exchange_declare("events", "fanout")
    threads = [threading.Thread(target=bind, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(channels[0].get_table("events")) == 80
    channels[0].queue_delete("queue-0-0")
    assert len(channels[1].get_table("events")) == 79


def test_a_folder_that_is_not_there_is_a_broker_that_cannot_be_reached(tmp_path, filesystem_broker_options):
    missing = tmp_path / "messages"
    options = {**filesystem_broker_options, "data_folder_in": str(missing), "data_folder_out": str(missing)}
    with Connection("localhost", transport=Transport, transport_options=options) as connection:
        with pytest.raises(OperationalError, match="messages does not exist: make it"):
            connection.ensure_connection(max_retries=1, interval_start=0)
        missing.mkdir()
        connection.ensure_connection(max_retries=1, interval_start=0)
