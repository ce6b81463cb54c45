"""What stands under a secret name is shown nowhere, in whatever form it comes, and the rest as it was."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq.keys import Settings
from djtaskq.redaction import MARK, Redactor
from djtaskq.redactor import redactor

REDACTOR = Redactor(Settings().REDACT_KEYS)
SECRET = "hunter2hunter2"
NAMES = (
    "password",
    "db_password",
    "apiKey",
    "API-KEY",
    "X-Auth-Token",
    "Authorization",
    "card_number",
    "PIN",
)
PLAIN = ("name", "monkey", "discard", "keyboard", "author", "pinned", "n", "total")


@pytest.mark.parametrize("name", [*NAMES, "userPassword", "set-cookie", "client_secret", "cvv", "sessionid"])
def test_a_secret_name_is_one_in_every_spelling(name):
    assert REDACTOR.is_secret(name)


@pytest.mark.parametrize("name", [*PLAIN, "", "cards_left", "spin", "authority", "routing_key", "routingKey"])
def test_a_word_that_only_holds_one_is_none(name):
    assert not REDACTOR.is_secret(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{'password': 'hunter2', 'n': 1}", f"{{'password': {MARK}, 'n': 1}}"),
        ("{'password': 'hun", f"{{'password': {MARK}"),
        ("{'password': 'it\\'s', 'n': 1}", f"{{'password': {MARK}, 'n': 1}}"),
        ('{"apiKey": "x\\\\", "n": 1}', f'{{"apiKey": {MARK}, "n": 1}}'),
        ("({'user': {'token': b'abc'}}, 2)", f"({{'user': {{'token': {MARK}}}}}, 2)"),
        ("{'credentials': {'a': ['b', '}']}, 'n': 1}", f"{{'credentials': {MARK}, 'n': 1}}"),
        ("{'pin': 1234, 'n': 1}", f"{{'pin': {MARK}, 'n': 1}}"),
        ("{'token': None, 'secret': False}", "{'token': None, 'secret': False}"),
        ("{'password': SecretStr('a, b'), 'n': 1}", f"{{'password': {MARK}, 'n': 1}}"),
        ("{'key': <Key object at 0x7f>, 'n': 1}", f"{{'key': {MARK}, 'n': 1}}"),
        ("User(name='ann', password='x y', n=1)", f"User(name='ann', password={MARK}, n=1)"),
        ("https://x.org/?token=abc&n=1", f"https://x.org/?token={MARK}&n=1"),
        ("amqp://guest:s3cret@host/v", f"amqp://guest:{MARK}@host/v"),
        ("Authorization: Bearer abc\nAccept: x", f"Authorization: {MARK}\nAccept: x"),
        ("[['Authorization', 'Bearer abc'], ['a', 'b']]", f"[['Authorization', {MARK}], ['a', 'b']]"),
        ("""('{"password": "x"}', 1)""", f"""('{{"password": {MARK}}}', 1)"""),
        ('{"body": "{\\"password\\": \\"x\\"}"}', f'{{"body": "{{\\"password\\": {MARK}}}"}}'),
        ('{"pass\\u0077ord": "x"}', f'{{"pass\\u0077ord": {MARK}}}'),
        ("KeyError: 'token'", "KeyError: 'token'"),
        ("f('password', 1)", f"f('password', {MARK})"),
        ("password == other", "password == other"),
        ("(1, 2, 'three')", "(1, 2, 'three')"),
    ],
)
def test_a_text_keeps_all_but_the_secret(text, shown):
    assert REDACTOR.text(text) == shown


def test_a_value_is_searched_at_any_depth():
    given_ = {
        "user": [{"name": "ann", "password": "x"}, ("token", "y"), {"cookies": {"a": "b"}}],
        "headers": [["Authorization", "Bearer z"], ["Accept", "*/*"]],
        "url": "https://u:p@host/?api_key=q&page=2",
        "pin": None,
    }
    assert REDACTOR.value(given_) == {
        "user": [{"name": "ann", "password": MARK}, ("token", MARK), {"cookies": MARK}],
        "headers": [["Authorization", MARK], ["Accept", "*/*"]],
        "url": f"https://u:{MARK}@host/?api_key={MARK}&page=2",
        "pin": None,
    }
    deep = "x"
    for _ in range(1_000):
        deep = [deep]
    assert MARK in repr(REDACTOR.value(deep))


secrets = st.just(SECRET) | st.just([SECRET, {"a": SECRET}]) | st.just({"x": f"\"'{SECRET})}}"})
plain = st.none() | st.booleans() | st.integers() | st.text("abc ,:'\"\\{}[]()=\n<>é", max_size=12)
structures = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(PLAIN), inner, max_size=3)
    | st.builds(lambda name, secret, rest: {**rest, name: secret}, st.sampled_from(NAMES), secrets,
                st.dictionaries(st.sampled_from(PLAIN), inner, max_size=2)),
    max_leaves=8,
)  # fmt: skip


@given(structures)
def test_no_secret_is_left_in_a_value(value):
    assert SECRET not in repr(REDACTOR.value(value))
    assert REDACTOR.value(REDACTOR.value(value)) == REDACTOR.value(value)


# Texts in which strings hold no quotes of their own: there, where one ends cannot be mistaken.
calm = st.recursive(
    st.none() | st.integers() | st.text("abc ,:{}[]()=\n", max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(PLAIN), inner, max_size=3)
    | st.builds(lambda name, secret, rest: {**rest, name: secret}, st.sampled_from(NAMES), secrets,
                st.dictionaries(st.sampled_from(PLAIN), inner, max_size=2)),
    max_leaves=8,
)  # fmt: skip


@given(
    calm,
    st.sampled_from([repr, json.dumps, lambda value: json.dumps(json.dumps(value))]),
    st.integers(0, 400),
)
def test_no_secret_is_left_in_a_text_wherever_it_was_cut(value, written, cut):
    text = written(value)
    assert SECRET not in REDACTOR.text(text)
    assert SECRET not in REDACTOR.text(text[:cut])


@given(st.text("pasword:=,'\"\\{}[]()<> \nkeytn", max_size=80) | st.text(max_size=80))
def test_any_text_is_taken_and_comes_out_the_same_the_second_time(text):
    once = REDACTOR.text(text)
    assert len(once) <= len(text) + (len(text) + 1) * len(MARK)
    REDACTOR.text(once)


@given(structures)
def test_what_was_shown_and_comes_back_untouched_is_the_original(value):
    original = json.loads(json.dumps([value]))
    assert REDACTOR.restored(REDACTOR.value(original), original) == original


def test_an_edited_value_gets_its_secrets_back_where_they_were():
    original = {"user": "ann", "password": "x", "more": [{"token": "y", "n": 1}], "url": "a?key=b"}
    shown = REDACTOR.value(original)
    shown["user"] = "bob"
    shown["more"][0]["n"] = 2
    assert REDACTOR.restored(shown, original) == {
        **original, "user": "bob", "more": [{"token": "y", "n": 2}],
    }  # fmt: skip
    for wrong in ({"new": MARK}, {"user": MARK}, {"more": [MARK]}, {"url": f"b?key={MARK}"}, MARK):
        with pytest.raises(ValueError, match="redacted"):
            REDACTOR.restored(wrong, original)


LONG = ("\\" * 20_000, "'" * 20_000, "a" * 20_000, "password=" * 3_000, "[" * 20_000)
LONGER = ("'password': [" * 2_000, "'a', " * 5_000, "key\\u0041" * 2_000)


@pytest.mark.parametrize("text", [*LONG, *LONGER], ids=lambda text: text[:12])
def test_no_text_takes_long(text):
    started = time.process_time()
    REDACTOR.text(text)
    assert time.process_time() - started < 1


def test_patterns_are_a_setting(settings):
    assert redactor().is_secret("password")
    settings.DJTASKQ = {"REDACT_KEYS": ["*shoe*"]}
    assert redactor().value({"password": 1, "shoe_size": 44}) == {"password": 1, "shoe_size": MARK}
    settings.DJTASKQ = {"REDACT_KEYS": ["routing_key"]}
    assert redactor().is_secret("routing-key")
    settings.DJTASKQ = {"REDACT_KEYS": ()}
    assert redactor().text("{'password': 'x'}") == "{'password': 'x'}"
    assert not redactor()
