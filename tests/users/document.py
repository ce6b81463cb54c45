"""A page of docs/ as a reader has it: its blocks of code by the comments over them."""

import re
import shlex

from tests.processes import ROOT


class Document:
    """The page of this name, with words of it in other words: its ports and addresses for the test's."""

    def __init__(self, name, **instead):
        self._name, self._instead = name, instead
        self._text = (ROOT / "docs" / name).read_text()

    def block(self, name):
        """The code under the comment `<!-- name -->`."""
        found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)```", self._text, re.DOTALL)
        assert found, f"{self._name} has no block {name!r}"
        code = found[1]
        for said, instead in self._instead.items():
            assert said in self._text
            code = code.replace(said, instead)
        return code

    def commands(self, name):
        """The lines of a block of shell commands: of each what it sets before, and its words."""
        return [_split(line) for line in self.block(name).splitlines() if line]


def _split(line):
    words, environment = shlex.split(line, comments=True), {}
    while re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    return environment, words
