"""A page that refreshes itself, its keys and its charts, under a strict Content-Security-Policy."""

import datetime as dt
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.waiting import eventually

HOSTILE = """"><script>alert(1)</script><img src=x onerror=alert(2)>'</textarea>{{ 7|add:7 }}&amp;"""
CHANGED, SAME = HTTPStatus.OK, HTTPStatus.NOT_MODIFIED


@pytest.fixture
def page(browser, parts_address, state):
    """The page, refreshed each second."""
    browser.open(parts_address)
    choose(browser, "1")
    return browser


def choose(browser, seconds):
    browser.click(f".djtaskq-refreshing option[value='{seconds}']")
    browser.driver.execute_script(
        "document.activeElement.blur()"
    )  # keys are the select's as long as it has it


def run(browser, script, *args):
    return browser.driver.execute_script(script, *args)


def refreshed(page, state, version):
    """Change what the page shows, and wait until it does."""
    state.version = version
    eventually(lambda: page.find("#version").text == str(version))


def press(page, keys):
    ActionChains(page.driver).send_keys(keys).perform()


def hide(page, hidden):
    """As if the tab were hidden: a driver's window is always in sight."""
    run(
        page,
        "Object.defineProperty(document, 'hidden', {configurable: true, get: () => arguments[0]});"
        "document.dispatchEvent(new Event('visibilitychange'))".replace("arguments[0]", str(hidden).lower()),
    )


def asked(state, more=2):
    """Wait until the page has asked so many times more."""
    count = len(state.answers) + more
    eventually(lambda: len(state.answers) >= count)


def test_what_has_not_changed_is_not_sent_again(page, state):
    asked(state, 3)
    assert state.answers[0] == CHANGED
    assert set(state.answers[1:]) == {SAME}
    refreshed(page, state, 2)
    asked(state)
    assert state.answers.count(CHANGED) == 2


def test_a_refresh_changes_what_differs_and_nothing_else(page, state):
    run(
        page,
        "document.getElementById('more').open = true; document.getElementById('scrolled').scrollTop = 300",
    )
    page.find("#typed").send_keys("half a wo")
    run(page, "document.getElementById('link-b').focus(); window.before = document.getElementById('link-b')")
    run(page, "window.scrollTo(0, 120)")
    state.rows = ["new", "b", "a"]
    refreshed(page, state, 2)
    kept = "return [document.getElementById('more').open, document.getElementById('scrolled').scrollTop,"
    kept += (
        " document.getElementById('typed').value, document.activeElement === window.before, window.scrollY,"
    )
    kept += " document.getElementById('link-b') === window.before]"
    assert run(page, kept) == [True, 300, "half a wo", True, 120, True]
    rows = page.driver.find_elements(By.CSS_SELECTOR, "[data-row]")
    assert [row.get_attribute("data-row") for row in rows] == ["new", "b", "a"]


def test_a_row_of_a_list_keeps_the_focus_wherever_it_moves_to(page, state):
    run(page, "document.querySelector('#result_list a[href=\"?of-b\"]').focus()")
    state.rows = ["new", "newer", "b", "b"]
    refreshed(page, state, 2)
    assert run(page, "return document.activeElement.getAttribute('href')") == "?of-b"
    cells = page.driver.find_elements(By.CSS_SELECTOR, "#result_list td:first-child")
    assert [cell.text for cell in cells] == ["2", "2", "2", "2"]


def test_who_wants_no_keys_turns_them_off(browser, page, parts_address):
    press(page, "?")
    page.click("[data-keys-on]")
    page.click("#djtaskq-keys button")
    browser.open(parts_address)
    press(page, "/?")
    assert run(page, "return document.activeElement === document.body")
    assert not page.driver.find_elements(By.CSS_SELECTOR, "#djtaskq-keys[open]")
    page.click("[data-keys]")
    page.click("[data-keys-on]")


def test_the_focus_stays_near_where_its_element_is_gone(page, state):
    run(page, "document.getElementById('link-c').focus()")
    state.rows = ["a"]
    refreshed(page, state, 2)
    assert run(page, "return document.activeElement.dataset.live") == "rows"


def test_nothing_is_asked_while_the_tab_is_hidden_and_at_once_when_it_is_seen(page, state):
    choose(page, "15")
    hide(page, hidden=True)
    count = len(state.answers)
    choose(page, "1")
    # Nothing can be waited for where nothing is to happen: the page's own clock passes its second twice.
    page.driver.execute_async_script("setTimeout(arguments[0], 2200)")
    assert len(state.answers) == count
    choose(page, "60")
    hide(page, hidden=False)
    eventually(lambda: len(state.answers) == count + 1)


def test_nothing_moves_under_rows_that_are_ticked(page, state):
    asked(state, 1)
    page.click("input.action-select[value=b]")
    state.rows, state.version = ["new", "a", "b"], 2
    press(page, "r")
    page.driver.execute_async_script("setTimeout(arguments[0], 1300)")
    assert page.find("#version").text == "1"
    page.click("input.action-select[value=b]")
    eventually(lambda: page.find("#version").text == "2")


def test_the_interval_is_remembered(browser, page, parts_address):
    choose(page, "15")
    browser.open(parts_address)
    assert browser.find(".djtaskq-refreshing select").get_attribute("value") == "15"


def test_a_page_whose_session_is_over_says_so_and_asks_no_more(page, state):
    state.signed_out = True
    eventually(lambda: "Signed out" in page.find(".djtaskq-refreshing [role=status]").text)
    assert page.find("#version").text == "1"


def test_a_refresh_leaves_messages_to_the_person(page, browser, parts_address, state):
    # The message waits in a cookie while another tab's page is refreshed.
    run(page, "return fetch('/?say=1', {redirect: 'manual'})")
    refreshed(page, state, 2)
    browser.open(parts_address)
    assert "Something was done." in browser.find(".messagelist").text


def test_relative_times_stay_true_without_an_answer(page, state):
    choose(page, "0")
    seconds = "return parseInt(document.querySelector('#seen').innerText)"
    first = run(page, seconds) or 0
    eventually(lambda: (run(page, seconds) or 0) > first)
    assert page.find("#seen").text.endswith("ago")


def test_keys_go_to_pages_search_and_help(page, parts_address):
    press(page, "/")
    assert run(page, "return document.activeElement.name") == "q"
    press(page, "g?r/")
    assert page.find("[data-search]").get_attribute("value") == "g?r/", "keys are letters where one types"
    run(page, "document.activeElement.blur()")
    press(page, "?")
    dialog = page.find("#djtaskq-keys[open]")
    assert "Schedules" in dialog.text
    press(page, Keys.ESCAPE)
    eventually(lambda: not dialog.is_displayed())
    # The page itself has no rows to show: where the key goes is enough.
    run(
        page,
        "document.querySelector('[data-key=t]').addEventListener('click', (event) => {"
        "event.preventDefault(); document.title = 'gone to tasks' })",
    )
    press(page, "gt")
    eventually(lambda: page.driver.title == "gone to tasks")


def test_the_key_r_refreshes_at_once(page, state):
    choose(page, "0")
    state.version = 2
    press(page, "r")
    eventually(lambda: page.find("#version").text == "2")


def test_a_brush_over_a_chart_asks_for_that_time(page, parts_address):
    over = page.find("#chart .u-over")
    left = -over.size["width"] // 2
    ActionChains(page.driver).move_to_element_with_offset(
        over, left + over.size["width"] // 4, 0
    ).click_and_hold().move_by_offset(over.size["width"] // 2, 0).release().perform()
    eventually(lambda: "since=" in page.driver.current_url)
    query = parse_qs(urlsplit(page.driver.current_url).query)
    since, until = (dt.datetime.fromisoformat(query[name][0]) for name in ("since", "until"))
    first = dt.datetime.fromtimestamp(1_772_366_400, dt.UTC)
    assert first < since < until < first + dt.timedelta(minutes=3)
    assert 80 <= (until - since).total_seconds() <= 100


def test_a_chart_says_in_words_what_it_shows_and_follows_a_refresh(page, state):
    drawing = page.find("#chart [role=img]")
    eventually(lambda: "max. 4 tasks/min" in (drawing.get_attribute("aria-label") or ""))
    canvas = run(page, "return window.canvas = document.querySelector('#chart canvas')")
    state.points = [1, 2, None, 9]
    refreshed(page, state, 2)
    eventually(lambda: "max. 9 tasks/min" in drawing.get_attribute("aria-label"))
    assert canvas.is_displayed(), "the chart was drawn anew, not another one made"


def test_hostile_text_is_text_in_every_part(browser, parts_address, state):
    state.text = HOSTILE
    browser.open(parts_address)
    choose(browser, "1")
    eventually(lambda: HOSTILE in browser.find("#chart figcaption").text)
    refreshed(browser, state, 2)
    scripts = "return [...document.querySelectorAll('script:not([src]), #content img, [onerror]')].length"
    assert run(browser, scripts) == 0
    assert HOSTILE in browser.find(".hostile").text
    assert "14" not in browser.find(".hostile").text
    assert run(browser, "return document.querySelector('.djtaskq-cut pre').textContent") == HOSTILE * 100


@pytest.mark.parametrize("dark", [False, True])
def test_a_chart_is_drawn_in_the_colours_of_the_scheme(browser, parts_address, state, dark):
    browser.emulate(dark=dark)
    browser.open(parts_address)
    browser.find("#chart canvas")
    marker = "return getComputedStyle(document.querySelector('#chart .u-series:nth-child(2) .u-marker'))"
    of_light, of_dark = "rgb(26, 127, 55)", "rgb(90, 209, 122)"
    eventually(lambda: run(browser, f"{marker}.borderColor") == (of_dark if dark else of_light))
    # What the user chooses goes before what the system has.
    run(browser, "document.documentElement.dataset.theme = arguments[0]", "light" if dark else "dark")
    eventually(lambda: run(browser, f"{marker}.borderColor") == (of_light if dark else of_dark))
