"""A traceback's text, taken apart: which of its frames are the project's own. Pure."""

import dataclasses
import re
from collections.abc import Iterator

# The bars and signs before the lines of an exception group's parts.
_MARGIN = r"(?P<margin>[\s|+-]*)"
_FRAME = re.compile(_MARGIN + r'File "(?P<file>[^"]*)", line (?P<line>\d+)(?:, in (?P<function>.*))?$')
_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")
_STANDARD = re.compile(
    r"[\\/](lib|lib64)[\\/]python\d[\d.]*t?[\\/]|[\\/]Python\d+[\\/]lib[\\/]", re.IGNORECASE
)
# The marks that Python 3.11 and later set below a line of source.
_MARKS = re.compile(r"^[\s|]*[\^~]+[\s\^~]*$")


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """One call: `text` are its lines as they stand; `source` is the line of code, if there was one."""

    file: str
    line: int
    function: str
    source: str
    text: str

    @property
    def own(self) -> bool:
        return is_own(self.file)


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """Lines that are no call: headings, exceptions and whatever else stands there."""

    text: str


def is_own(file: str) -> bool:
    """Whether this is a project's file, on whatever machine: not installed, and not of Python's library."""
    if file.startswith("<") or not file:
        return False
    return not (_INSTALLED.search(file) or _STANDARD.search(file))


def parts(traceback: str) -> list[Frame | Words]:
    """The whole text again, part by part; what cannot be read as calls stays as words."""
    found: list[Frame | Words] = []
    words: list[str] = []
    lines = traceback.splitlines()
    number = 0
    while number < len(lines):
        match = _FRAME.match(lines[number])
        if match is None:
            words.append(lines[number])
            number += 1
            continue
        if words:
            found.append(Words("\n".join(words)))
            words = []
        below = list(_belonging(lines, number + 1, match["margin"]))
        found.append(_frame(match, [lines[number], *below]))
        number += 1 + len(below)
    if words:
        found.append(Words("\n".join(words)))
    return found


def last_own(traceback: str) -> Frame | None:
    """The innermost call of the project's own code."""
    own = [part for part in parts(traceback) if isinstance(part, Frame) and part.own]
    return own[-1] if own else None


def _belonging(lines: list[str], start: int, margin: str) -> Iterator[str]:
    """The lines below a call that are indented deeper than it."""
    for line in lines[start:]:
        if not line.startswith(f"{margin} ") or _FRAME.match(line):
            return
        yield line


def _frame(match: re.Match[str], lines: list[str]) -> Frame:
    source = next((line.strip(" |") for line in lines[1:] if not _MARKS.match(line)), "")
    return Frame(match["file"], int(match["line"]), match["function"] or "", source, "\n".join(lines))
