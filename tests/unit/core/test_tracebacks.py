"""Which frames of a traceback are one's own."""

import traceback

import pytest

from djtaskq.tracebacks import Frame, is_own, last_own, parts

FAILED = """Traceback (most recent call last):
  File "/srv/.venv/lib/python3.12/site-packages/celery/app/trace.py", line 453, in trace_task
    R = retval = fun(*args, **kwargs)
                 ^^^^^^^^^^^^^^^^^^^^
  File "/srv/shop/tasks.py", line 12, in charge
    pay(order)
  File "/usr/lib/python3.12/json/decoder.py", line 337, in decode
    obj, end = self.raw_decode(s, idx=_w(s, 0).end())

During handling of the above exception, another exception occurred:

  File "/srv/shop/pay.py", line 3, in pay
    raise ValueError("no")
ValueError: no
"""


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/srv/shop/tasks.py", True),
        ("shop/tasks.py", True),
        (r"C:\shop\tasks.py", True),
        ("/home/ann/lib/orders/tasks.py", True),
        ("/srv/.venv/lib/python3.12/site-packages/celery/app/trace.py", False),
        ("/usr/lib/python3/dist-packages/celery/app/trace.py", False),
        ("/root/.pyenv/versions/3.11.7/lib/python3.11/json/decoder.py", False),
        ("/usr/lib64/python3.13t/asyncio/base.py", False),
        (r"C:\Users\ann\AppData\Local\Programs\Python\Python312\Lib\json\decoder.py", False),
        (r"C:\shop\venv\Lib\site-packages\celery\app\trace.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("<string>", False),
        ("", False),
    ],
)
def test_a_file_is_own_if_it_is_neither_installed_nor_pythons(file, own):
    assert is_own(file) is own


def test_a_traceback_is_taken_apart_and_nothing_of_it_is_lost():
    found = parts(FAILED)
    assert "\n".join(part.text for part in found) == FAILED.rstrip("\n")
    frames = [part for part in found if isinstance(part, Frame)]
    assert [(frame.function, frame.line, frame.own) for frame in frames] == [
        ("trace_task", 453, False),
        ("charge", 12, True),
        ("decode", 337, False),
        ("pay", 3, True),
    ]
    assert frames[0].source == "R = retval = fun(*args, **kwargs)"


def test_the_last_own_frame_is_the_innermost_of_the_last_exception():
    frame = last_own(FAILED)
    assert (frame.file, frame.line, frame.source) == ("/srv/shop/pay.py", 3, 'raise ValueError("no")')
    assert last_own("Traceback: line 1") is None
    assert last_own("") is None


def test_the_parts_of_an_exception_group_are_found():
    error = ExceptionGroup("several", [ValueError("one"), _raised(KeyError("two"))])
    text = "".join(traceback.format_exception(error))
    frames = [part for part in parts(text) if isinstance(part, Frame)]
    assert [frame.function for frame in frames][-1] == "_raised"
    assert "\n".join(part.text for part in parts(text)) == text.rstrip("\n")
    assert frames[-1].source == "raise error"


def _raised(error):
    try:
        raise error
    except KeyError as caught:
        return caught


@pytest.mark.parametrize(
    "text",
    ["", "no traceback", 'File "', '  File "x", line y', "\n\n", '  File "a.py", line 1, in f', "\x00\ufffd"],
)
def test_whatever_else_stands_there_comes_out_as_it_was(text):
    assert "\n".join(part.text for part in parts(text)) == "\n".join(text.splitlines())
