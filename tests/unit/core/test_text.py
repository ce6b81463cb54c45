from hypothesis import given
from hypothesis import strategies as st

from djtaskq.db.text import storable

anything = st.text(st.characters(exclude_categories=()))


@given(anything)
def test_what_comes_out_can_be_stored_everywhere(text):
    assert "\x00" not in storable(text)
    storable(text).encode("utf-8")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_harmless_text_stays_as_it_is(text):
    assert storable(text) == text


@given(anything, st.integers(1, 50))
def test_nothing_is_longer_than_asked(text, limit):
    cut = storable(text, limit)
    assert len(cut) <= limit
    assert (cut[-1:] == "…") or len(text) <= limit


@given(anything)
def test_doing_it_twice_changes_nothing(text):
    assert storable(storable(text)) == storable(text)
