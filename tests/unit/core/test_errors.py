import pickle

from djtaskq.errors import DjtaskqError


class BrokenPipe(DjtaskqError):
    """The pipe {name!r} is broken:
    {reason}"""


def test_the_docstring_is_the_message():
    assert str(BrokenPipe(name="a", reason="rust")) == "The pipe 'a' is broken: rust"


def test_the_details_can_be_read():
    assert BrokenPipe(name="a", reason="rust").details == {"name": "a", "reason": "rust"}


def test_an_error_survives_pickling():
    error = pickle.loads(pickle.dumps(BrokenPipe(name="a", reason="{curly}")))
    assert str(error) == "The pipe 'a' is broken: {curly}"


def test_the_base_has_a_message_too():
    assert str(DjtaskqError()) == "Something in djtaskq went wrong."
