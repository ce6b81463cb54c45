"""What people type for a command, what is said of it, and what workers tell of their limits."""

import pytest
from django import forms
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_monitor.control import limits
from djtaskq_monitor.control.asking import Answer, Kind
from djtaskq_monitor.control.commands import COMMANDS, CONTROL, REVOKE, TERMINATE
from djtaskq_monitor.control.forms import IdsForm
from djtaskq_monitor.control.sending import _together


def filled(name, **data):
    form = COMMANDS[name].form(data)
    return form.arguments() if form.is_valid() else form.errors.as_data()


@pytest.mark.parametrize("text", ["10/m", "5/s", "100/h", "3", "0.5/s"])
def test_a_rate_is_kept_as_it_was_typed(text):
    assert filled("rate-limit", task_name="t", rate_limit=text) == {"task_name": "t", "rate_limit": text}


@pytest.mark.parametrize("text", ["often", "10/y", "/m", "1/m/m", "-"])
def test_what_is_no_rate_is_refused(text):
    assert isinstance(filled("rate-limit", task_name="t", rate_limit=text)["rate_limit"], list)


def test_no_rate_takes_the_limit_off():
    assert filled("rate-limit", task_name="t", rate_limit="")["rate_limit"] == 0


def test_a_queue_s_options_stand_beside_its_name():
    given_options = filled("add-consumer", queue="q", exchange="x", options='{"durable": false}')
    assert given_options == {"durable": False, "queue": "q", "exchange": "x"}
    assert "options" in filled("add-consumer", queue="q", options='{"queue": "other"}')
    assert "options" in filled("add-consumer", queue="q", options="{")


def test_an_autoscaler_s_least_is_no_more_than_its_most():
    assert filled("autoscale", max="3", min="1") == {"max": 3, "min": 1}
    assert "min" in filled("autoscale", max="1", min="3")


def test_ids_stand_apart_by_anything_and_are_counted_once():
    form = IdsForm({"ids": " a, b\nc  a,,\r\n"})
    assert form.is_valid()
    assert form.cleaned_data["ids"] == ["a", "b", "c"]
    assert not IdsForm({"ids": " , "}).is_valid()
    assert not IdsForm({"ids": " ".join(map(str, range(1_001)))}).is_valid()


def test_stamped_headers_may_have_several_values():
    found = filled("revoke-stamped", headers="tenant = 7, 8\n\nkind=nightly\ntenant=9")
    assert found == {"headers": {"tenant": ["7", "8", "9"], "kind": ["nightly"]}, "terminate": False}
    assert "headers" in filled("revoke-stamped", headers="no equals")


def test_modules_are_names():
    assert filled("pool-restart", modules="a.b, c", reload="on") == {"modules": ["a.b", "c"], "reload": True}
    assert filled("pool-restart") == {}
    assert "modules" in filled("pool-restart", modules="os; rm")


def test_only_what_a_process_may_be_sent_is_a_signal():
    assert "signal" in filled("terminate", ids="a", signal="SIGSTOP")


def test_what_ends_something_is_confirmed_and_needs_a_permission_of_its_own():
    for name, command in COMMANDS.items():
        assert command.permission in {CONTROL, REVOKE, TERMINATE}
        if name.startswith("terminate"):
            assert (command.permission, command.destroys) == (TERMINATE, True)
        if name.startswith("revoke"):
            assert command.permission == REVOKE
    assert all(COMMANDS[name].destroys for name in ("shutdown", "pool-restart"))


def test_what_is_done_is_said_with_its_arguments():
    assert COMMANDS["rate-limit"].say({"task_name": "t", "rate_limit": ""}) == "Rate limit of t: none"
    ids = [str(number) for number in range(7)]
    said = COMMANDS["terminate"].say({"ids": ids, "signal": "SIGTERM"})
    assert said == "Terminate 0, 1, 2, 3, 4 and 2 more with SIGTERM"
    assert "{" not in COMMANDS["add-consumer"].say({"queue": "{x}"}).replace("{x}", "")


def test_every_form_s_fields_have_labels_that_people_read():
    for command in COMMANDS.values():
        for field in command.form().visible_fields():
            assert isinstance(field.field, forms.Field)
            assert field.label


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("a.b", limits.Limits("a.b")),
        ("a.b [rate_limit=10/m]", limits.Limits("a.b", "10/m")),
        ("a.b [soft_time_limit=5 time_limit=10.5]", limits.Limits("a.b", None, 5, 10.5)),
        ("a [odd] name [time_limit=3]", limits.Limits("a [odd] name", None, None, 3)),
        ("a [odd]", limits.Limits("a [odd]")),
        ("a.b [time_limit=soon]", limits.Limits("a.b")),
    ],
)
def test_limits_are_read_as_workers_tell_them(told, expected):
    assert limits.read([told]) == {expected.name: expected}


@given(st.lists(st.text()))
def test_nothing_that_is_told_breaks_the_reading(told):
    limits.read(told)


def test_of_several_portions_the_worst_answer_stands():
    good, bad = (Answer(worker="w", kind=kind) for kind in (Kind.ANSWERED, Kind.SILENT))
    assert _together([good], [bad]) == [bad]
    assert _together([bad], [good]) == [bad]
