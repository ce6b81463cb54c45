import datetime as dt

import pytest
from django.template import Context, Template
from django.utils import timezone

from djtaskq.admin import widgets

NOW = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0354, "35 ms"),
        (2.412, "2.41 s"),
        (10, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (90_061, "1 d 1 h"),
        (-2, "-2.00 s"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds, text):
    assert widgets.duration(seconds) == text.replace(" ", widgets.NO_BREAK)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "now"), (-61, "1 minute ago"), (7_200, "in 2 hours"), (-86_400 * 3, "3 days ago")],
)
def test_a_time_is_said_as_people_say_it(seconds, text):
    shown = widgets.when(NOW + dt.timedelta(seconds=seconds), now=NOW)
    assert f">{text}</time>" in shown


def test_the_exact_time_with_its_zone_is_on_hover():
    with timezone.override("Europe/Paris"):
        assert 'title="2026-11-01 13:00:00 CET"' in widgets.when(NOW, now=NOW)


def test_a_state_is_escaped():
    assert "<script>" not in widgets.state_badge("<script>alert(1)</script>")


def test_a_state_nobody_knows_is_shown_as_it_is():
    assert "UPLOADING" in widgets.state_badge("UPLOADING")


@pytest.mark.parametrize("value", ["<b>", '{"a": "<b>"}', {"a": "<b>"}])
def test_json_is_escaped(value):
    assert "<b>" not in widgets.pretty_json(value)


def test_json_is_indented():
    assert "{\n  &quot;a&quot;: 1\n}" in widgets.pretty_json('{"a": 1}')


@pytest.mark.parametrize("part", ["when", "exactly", "duration"])
def test_what_a_template_does_not_find_is_a_dash(part):
    template = Template("{% load djtaskq %}{{ nothing.of_that_name|" + part + " }}")
    assert template.render(Context({"nothing": None})) == "–"
