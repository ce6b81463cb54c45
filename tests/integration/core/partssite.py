"""A site of one page that has every part, and a user who may see everything: no rows, no database."""

import datetime as dt
from http import HTTPStatus

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseNotModified, JsonResponse
from django.shortcuts import redirect
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path

from djtaskq.admin import parts, widgets
from djtaskq.admin.live import is_live, live

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
POLICY = "default-src 'self'; img-src 'self' data:"

PAGE = """
{% extends "djtaskq/page.html" %}{% load djtaskq %}
{% block extrahead %}{{ block.super }}{% djtaskq_charts %}{% endblock %}
{% block tools %}{{ text|state_badge }}{% endblock %}
{% block content %}
<form>{% filter_bar fields others "?" %}</form>
{% tabs tabs text %}
<section data-live="rows"><h2 id="version">{{ state.version }}</h2>
  <table data-live="inner">{% for row in state.rows %}<tr data-row="{{ row }}">
    <td><input class="action-select" type="checkbox" value="{{ row }}"></td>
    <td><a href="?{{ row }}" id="link-{{ row }}">{{ row }}</a></td><td class="hostile">{{ text }}</td>
  </tr>{% endfor %}</table>
  <table id="result_list"><tbody>{% for row in state.rows %}<tr><td>{{ state.version }}</td>
    <td><a href="?of-{{ row }}">{{ row }}</a></td></tr>{% endfor %}</tbody></table>
  <details id="more"><summary>more</summary>{{ state.version }}</details>
  <input id="typed" value="">
  <div id="scrolled" class="djtaskq-block">
    {% for row in state.lines %}line {{ row }} of {{ state.version }}<br>{% endfor %}</div>
  <p id="seen">{{ state.seen|when }}</p>
</section>
<div id="chart" data-chart data-chart-url="/chart/"></div>
<div id="parts">{{ parts }}{% timeline moments %}{% strip items text %}{% sparkline values label=text %}
{% bar 3 10 label=text %}{% key_values pairs %}{% cut_text text %}{% cut_text long_text %}</div>
{% endblock %}
"""


class State:
    """What the page shows, and how it was asked: a test changes the one and reads the other."""

    def __init__(self):
        self.text = "plain"
        self.version = 1
        self.rows = ["a", "b", "c"]
        self.lines = range(100)
        self.seen = dt.datetime.now(dt.UTC)
        self.answers = []
        self.signed_out = False
        self.points = [1, 2, None, 4]


state = State()


def context_of(text):
    return {
        "text": text,
        "state": state,
        "title": text,
        "fields": [
            parts.Field(name="q", label=text, value=text, suggestions=[text], search=True, placeholder=text),
            parts.Field(name="state", label="State", value=text, choices=[("", "any"), (text, text)]),
        ],
        "others": [(text, text)],
        "tabs": [
            parts.Tab(label=text, url="?a=1", current=True, count="10,000+"),
            parts.Tab(label="Other", url=f"?{text}"),
        ],
        "moments": [
            (text, NOON),
            ("received", NOON + dt.timedelta(seconds=2)),
            (text, NOON + dt.timedelta(seconds=9)),
        ],
        "items": [
            parts.StripItem(kind="good", sign="✓", label=text, url=f"/?{text}", size=0.5),
            parts.StripItem(kind=text, sign=text, label=text),
        ],
        "values": [1.0, None, 3.5, 2],
        "pairs": [(text, text), ("empty", ""), ("none", None)],
        "long_text": text * 100,
        "parts": [widgets.block(text), widgets.badge(text, text, text, text), widgets.named_task(text, text)],
    }


@live(lambda request: (state.version, state.text))
def page(request):
    context = {**admin.site.each_context(request), **context_of(state.text)}
    return TemplateResponse(request, engines["django"].from_string(PAGE), context)


def counted(request):
    """The page, with a note of what a refresh was answered; somebody whose session is over is sent away."""
    if state.signed_out:
        return redirect("/admin/login/")
    if "say" in request.GET:
        messages.success(request, "Something was done.")
        return redirect("/")
    response = page(request)
    if is_live(request):
        state.answers.append(HTTPStatus(response.status_code))
    return response


def chart(request):
    x = [1_772_366_400 + 60 * number for number in range(len(state.points))]
    series = [{"label": state.text, "kind": "good", "values": state.points}]
    tag = f'"{hash((state.text, *state.points))}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    return JsonResponse(
        {"title": state.text, "unit": "tasks/min", "x": x, "series": series}, headers={"ETag": tag}
    )


def ann_under_a_strict_policy(get_response):
    """Nobody logs in here; what is inline, or from elsewhere, is a violation that the browser tells of."""

    def answer(request):
        request.user = User(pk=1, username="ann", is_staff=True, is_superuser=True)
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer


urlpatterns = [
    path("", counted),
    path("chart/", chart),
    path("login-page/", lambda _request: HttpResponse("log in")),
    path("admin/", admin.site.urls),
]
