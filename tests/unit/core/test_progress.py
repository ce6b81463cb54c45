import io

import pytest

from djtaskq.progress import bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stderr", "progress", "shown"),
    [(Terminal, True, True), (Terminal, False, False), (io.StringIO, True, False)],
)
def test_a_bar_is_shown_on_a_terminal_unless_it_is_not_wanted(monkeypatch, capsys, stderr, progress, shown):
    written = stderr()
    monkeypatch.setattr("sys.stderr", written)
    with bar(3, "rows", progress=progress) as shows:
        shows.update(3)
    assert ("3/3" in written.getvalue()) == shown
    assert capsys.readouterr().out == ""
