import datetime as dt
import uuid
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.exceptions import ContentDisallowed

from djtaskq_results import rows
from djtaskq_results.content import Content, packed, unpacked

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
# What a database's text cannot hold, often.
hostile = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff"), max_size=400)


def pack(value):
    return packed(value, "json")


def row(task_id="id", result=None, state="SUCCESS", traceback=None, request=None, *, extended=True):
    return rows.task_row(
        task_id, result, state, traceback, request=request, children=[], now=NOW, extended=extended, pack=pack
    )


def request(**more):
    return SimpleNamespace(**{"task": "proj.add", "args": [1], "kwargs": {"a": 2}, "hostname": "w@h", **more})


@given(hostile, hostile, hostile)
def test_no_text_that_a_worker_sends_is_left_that_cannot_be_stored(name, text, shown):
    written = row(
        name, text, name or "X", text, request(task=name, hostname=text, argsrepr=shown, meta={"m": text})
    )
    for value in written.values():
        if isinstance(value, str):
            value.encode()
            assert "\x00" not in value


@given(hostile)
def test_names_fit_their_columns_and_a_cut_shows(name):
    written = row(request=request(task=name, hostname=name, periodic_task_name=name))
    for column, length in rows.LENGTHS.items():
        assert len(written[column]) <= length
        assert written[column].endswith("…") or len(name) <= length


def test_the_text_for_people_comes_before_the_arguments_themselves():
    assert row(request=request(argsrepr="(1,)"))["task_args"] == '"(1,)"'
    assert row(request=request())["task_args"] == "[1]"
    assert row(request=request(kwargs={}))["task_kwargs"] == "{}"


def test_without_result_extended_only_the_state_is_told():
    written = row(request=request(), traceback="trace", extended=False)
    assert written["traceback"] == "trace"
    assert not written.keys() & {"task_name", "task_args", "task_kwargs", "worker", "periodic_task_name"}


def test_only_started_has_a_start():
    assert row(state="STARTED")["date_started"] == NOW
    assert row(state="SUCCESS")["date_started"] is None


def test_meta_holds_the_children_and_what_the_task_put_there():
    assert row(request=request(meta={"mine": 1}))["meta"] == '{"mine": 1, "children": []}'
    assert row(request=request(meta="no mapping"))["meta"] == '{"children": []}'


def test_a_task_id_is_one_text_wherever_it_comes_from():
    task_id = uuid.uuid4()
    assert rows.task_key(task_id) == rows.task_key(str(task_id)) == str(task_id)


@pytest.mark.parametrize(
    ("info", "said"), [({"redelivered": True}, True), ({}, False), (None, False), ("x", False)]
)
def test_the_broker_s_mark_is_read_where_there_is_one(info, said):
    assert rows.redelivered(SimpleNamespace(delivery_info=info)) is said
    assert rows.redelivered(None) is False


@given(
    st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20), st.lists)
)
def test_a_value_comes_back_from_its_text(value):
    for serializer in ("json", "pickle"):
        content = packed(value, serializer)
        assert isinstance(content.text, str)
        assert unpacked(content, {content.type}) == value


def test_a_serializer_that_is_not_accepted_is_not_decoded():
    content = packed([1], "pickle")
    assert content.encoding == "binary"
    with pytest.raises(ContentDisallowed):
        unpacked(content, {"application/json"})


def test_text_is_decoded_by_what_wrote_it():
    assert unpacked(Content("application/json", "utf-8", "[1]"), {"application/json"}) == [1]
