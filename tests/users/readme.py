"""The README's lines as a user would copy them."""

import re

from tests.processes import ROOT


def block(name):
    """The code under the comment `<!-- name -->` in the README."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, f"the README has no block {name!r}"
    return found[1]


def commands(name):
    """The lines of a block of shell commands, each split into its words."""
    return [line.split() for line in block(name).splitlines() if line]
