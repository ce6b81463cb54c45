import base64
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_monitor.brokers import messages
from djtaskq_monitor.brokers.messages import decoded

HEADERS = {
    "lang": "py",
    "task": "proj.add",
    "id": "t",
    "eta": "2026-11-21T20:00:00+00:00",
    "expires": None,
    "retries": 2,
    "argsrepr": "(1,)",
    "kwargsrepr": "{}",
    "origin": "gen1@h",
}


def message(**parts):
    shaped = {"body": "W10=", "content-type": "application/json", "headers": {}, "properties": {}}
    return json.dumps(shaped | parts)


def test_the_headers_of_celery_s_protocol_tell_the_task():
    read = decoded(message(headers=HEADERS, properties={"priority": 3, "timestamp": 1_795_000_000}))
    assert (read.task, read.task_id, read.args, read.kwargs) == ("proj.add", "t", "(1,)", "{}")
    assert (read.priority, read.retries, read.origin, read.problem) == (3, 2, "gen1@h", "")
    assert read.eta == dt.datetime(2026, 11, 21, 20, tzinfo=dt.UTC)
    assert read.sent.timestamp() == 1_795_000_000


@pytest.mark.parametrize("encoding", ["base64", "utf-8"])
def test_the_body_of_the_first_protocol_tells_the_task(encoding):
    body = json.dumps({"task": "proj.old", "id": "t", "args": ["é"], "kwargs": {"a": 1}, "retries": 0})
    sent = base64.b64encode(body.encode()).decode() if encoding == "base64" else body
    read = decoded(message(body=sent, properties={"body_encoding": encoding}))
    assert (read.task, read.args, read.kwargs) == ("proj.old", '["é"]', '{"a": 1}')


def test_a_pickle_is_not_opened():
    body = base64.b64encode(b"cos\nsystem\n(S'false'\ntR.").decode()
    read = decoded(
        message(body=body, **{"content-type": "application/x-python-serialize"},
                properties={"body_encoding": "base64"})
    )  # fmt: skip
    assert (read.task, read.problem) == (None, "No message of a task.")


def test_what_is_long_is_cut_and_what_is_too_long_is_left_alone():
    assert len(decoded(message(headers=HEADERS | {"argsrepr": "x" * 9_999})).args) == 2_000
    read = decoded("x" * (messages.LONGEST_MESSAGE + 1))
    assert read.problem.startswith("A message of 1000001 characters")


@pytest.mark.parametrize(
    "text", ["", "[1]", "null", b"\xff", "[" * 100_000, '{"headers": 3, "properties": []}']
)
def test_what_is_no_message_is_told_so(text):
    assert decoded(text).problem


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*HEADERS, "a"]), inner),
    max_leaves=8,
)


@given(headers=json_values, properties=json_values, body=json_values, kind=json_values)
def test_nothing_that_is_in_a_message_raises(headers, properties, body, kind):
    text = json.dumps({"headers": headers, "properties": properties, "body": body, "content-type": kind})
    read = decoded(text)
    assert read.task is None or "\x00" not in read.task
