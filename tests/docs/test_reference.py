"""The reference pages say what is true: every setting and every check, as the code has them."""

import dataclasses
import re

import pytest

from djtaskq.keys import Settings
from tests.architecture import walls

DOCS = walls.ROOT / "docs"
PAGES = [*walls.ROOT.glob("*.md"), *DOCS.rglob("*.md")]


def row(field):
    return f"| `{field.name}` | `{field.default!r}` | {field.metadata['help']} |"


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_documented_with_its_default(field):
    assert row(field) in (DOCS / "settings.md").read_text(), (
        f"docs/settings.md lacks this line:\n{row(field)}"
    )


def test_no_setting_is_documented_that_does_not_exist():
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE))
    assert documented == {field.name for field in dataclasses.fields(Settings)}


def test_every_check_is_documented_and_no_other():
    pattern = r"\bdjtaskq(?:_[a-z]+)?\.[EWI]\d{3}\b"
    code = {found for source in walls.sources() for found in re.findall(pattern, source.path.read_text())}
    documented = set(re.findall(rf"^\| `({pattern})` \|", (DOCS / "checks.md").read_text(), re.MULTILINE))
    assert documented == code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page} links to {target}, which does not exist"
