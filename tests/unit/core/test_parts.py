"""The larger parts: what they draw and say, and that text stays text."""

import datetime as dt
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from djtaskq.admin import parts, widgets
from djtaskq.admin.parts.drawings import SHORTEST, TALLEST, figure, height_of
from djtaskq.task_progress import Progress

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOSTILE = """"><script>alert(1)</script>'&lt;{{ 7 }}"""

EVERY_PART = {
    "bar": lambda text: parts.bar(1, 2, text, text, text),
    "cut_text": lambda text: parts.cut_text(text, whole_url=text),
    "cut_text, long": lambda text: parts.cut_text(text, limit=3, whole_url=text),
    "filter_bar": lambda text: parts.filter_bar([_field(text), _choice(text)], [(text, text)], text),
    "key_values": lambda text: parts.key_values([(text, text)]),
    "progress_bar": lambda text: parts.progress_bar(Progress(done=1, total=2, text=text)),
    "sparkline": lambda text: parts.sparkline([1, 2], text, text),
    "strip": lambda text: parts.strip([_item(text), _item(text, url="")], text),
    "tabs": lambda text: parts.tabs([parts.Tab(label=text, url=text, count=text)], text),
    "timeline": lambda text: parts.timeline([(text, NOON), (text, NOON + dt.timedelta(seconds=1))]),
    "badge": lambda text: widgets.badge(text, text, text, text),
    "state_badge": widgets.state_badge,
    "block": lambda text: widgets.copyable(widgets.block(text)),
    "pretty_json": lambda text: widgets.pretty_json({text: text}),
    "named_task": lambda text: widgets.named_task(text, text),
    "stacked": lambda text: widgets.stacked(text, text),
}


def _item(text, url="/?"):
    return parts.StripItem(kind=text, sign=text, label=text, url=url and url + text)


def _field(text):
    return parts.Field(name=text, label=text, value=text, suggestions=[text], placeholder=text)


def _choice(text):
    return parts.Field(name=text, label=text, value=text, choices=[(text, text)])


class Skeleton(HTMLParser):
    """The elements of a page with the names of their attributes, without any text."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _value in attrs]))


@pytest.mark.parametrize("name", EVERY_PART)
def test_hostile_text_is_text_in_every_part(name):
    shown, plain = (str(EVERY_PART[name](text)) for text in (HOSTILE, "x" * len(HOSTILE)))
    assert Skeleton(shown).found == Skeleton(plain).found
    assert Skeleton(shown).found, "nothing was shown"


def tree(html):
    """The part as XML: SVG has to be well-formed."""
    return ET.fromstring(f"<div>{html}</div>")


def test_a_line_has_a_gap_where_nothing_is_known():
    (svg,) = tree(parts.sparkline([1, 2, None, 4, None], "Queue"))
    assert svg.get("aria-label") == "Queue: latest 4, highest 4"
    lines = svg.findall("polyline")
    assert [len(line.get("points").split()) for line in lines] == [2, 2]
    heights = [float(point.split(",")[1]) for line in lines for point in line.get("points").split()]
    assert heights[0] > heights[1] > heights[2] == 1, "higher values stand higher"


@pytest.mark.parametrize("values", [[], [None, None]])
def test_no_values_are_a_dash(values):
    assert parts.sparkline(values) == widgets.DASH


@pytest.mark.parametrize("values", [[0, 0], [7], [-1, float(10**12)]])
def test_a_line_stays_in_its_drawing(values):
    (svg,) = tree(parts.sparkline(values))
    _x, _y, width, height = map(float, svg.get("viewBox").split())
    for line in svg.findall("polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width + 0.2
            assert 0 <= y <= height


@pytest.mark.parametrize(
    ("size", "height"),
    [
        (1, TALLEST),
        (0.5, SHORTEST + round((TALLEST - SHORTEST) / 2)),
        (0, SHORTEST),
        (None, SHORTEST),
        (9, TALLEST),
    ],
)
def test_a_bar_of_a_strip_is_as_high_as_its_size(size, height):
    assert height_of(size) == height
    item = parts.StripItem(kind="good", sign="✓", label="ran", size=size)
    (svg,) = tree(parts.strip([item, item], "runs"))
    bars = svg.findall(".//rect[@class='djtaskq-bar']")
    assert [(int(bar.get("height")), int(bar.get("y"))) for bar in bars] == 2 * [(height, TALLEST - height)]
    assert int(bars[1].get("x")) + int(bars[1].get("width")) <= int(svg.get("width"))
    assert svg.findall("g")[0].get("aria-label") == "ran"


@pytest.mark.parametrize(("value", "whole", "width"), [(3, 10, "30.0"), (0, 10, "0.0"), (20, 10, "100.0")])
def test_a_bar_is_a_part_of_the_whole(value, whole, width):
    (meter,) = tree(parts.bar(value, whole, "Pool"))
    assert meter.find("svg").get("aria-label") == f"Pool: {value} / {whole}"
    assert meter.find("svg/rect[@class='djtaskq-bar']").get("width") == width


@pytest.mark.parametrize("whole", [None, 0])
def test_a_whole_that_is_not_known_leaves_the_value_alone(whole):
    assert parts.bar(1_234, whole) == '<span class="djtaskq-number">1,234</span>'


def test_a_timeline_says_how_long_each_step_took():
    moments = [
        ("received", NOON),
        ("started", NOON + dt.timedelta(seconds=2)),
        ("succeeded", NOON + dt.timedelta(seconds=8)),
    ]
    (table,) = tree(parts.timeline(moments))
    rows = table.findall("tr")
    assert [row.find("th").text for row in rows] == ["received", "started", "succeeded"]
    after = [row.findall("td")[1].text for row in rows]
    assert after == [None, f"+ 2.00{widgets.NO_BREAK}s", f"+ 6.00{widgets.NO_BREAK}s"]
    widths = [float(bar.get("width")) for bar in table.findall(".//rect[@class='djtaskq-bar']")]
    assert widths == [40.0, 120.0]


def test_moments_at_once_have_no_bars():
    (table,) = tree(parts.timeline([("sent", NOON), ("received", NOON)]))
    assert not table.findall(".//rect")


def test_nothing_happened_is_a_dash():
    assert (
        parts.timeline([])
        == parts.key_values([])
        == parts.cut_text("")
        == parts.cut_text(None)
        == widgets.DASH
    )


def test_a_value_that_is_missing_is_a_dash():
    assert [
        value.text for value in tree(parts.key_values([("a", None), ("b", ""), ("c", 0)])).iter("dd")
    ] == [
        *(widgets.DASH, widgets.DASH, "0"),
    ]


def test_a_long_text_is_cut_and_whole_on_demand():
    text = "x" * 1_000
    html = parts.cut_text(text)
    assert f"<code>{'x' * 200}…</code>" in html
    assert "all 1,000 characters" in html
    assert f"data-copied>{text}</pre>" in html


def test_lines_stand_below_one_another_only_when_the_whole_is_asked_for():
    html = parts.cut_text("first\nsecond")
    assert "<code>first second…</code>" in html
    assert "first\nsecond</pre>" in html


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234, "1,234"), (0.1234, "0.12"), (12.34, "12.3"), (1e6, "1,000,000")]
)
def test_a_figure_has_as_many_decimals_as_tell_something(value, text):
    assert figure(value) == text


def test_the_filter_bar_keeps_what_is_chosen():
    html = parts.filter_bar(
        [parts.Field(name="state", label="State", value="b", choices=[("a", "A"), ("b", "B")])]
    )
    assert '<option value="b" selected>B</option>' in html
    assert '<option value="a">A</option>' in html


def test_the_current_tab_says_so():
    html = parts.tabs(
        [parts.Tab(label="All", url="?", current=True, count=7), parts.Tab(label="Failed", url="?s=f")]
    )
    assert html.count('aria-current="page"') == 1
    assert '<span class="djtaskq-tab-count">7</span>' in html
