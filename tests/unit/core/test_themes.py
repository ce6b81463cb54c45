import pytest
from django.conf import settings
from django.test import override_settings

from djtaskq.admin.themes import unfolded


@pytest.fixture
def templates(tmp_path):
    """Settings under which the admin's own base template comes from a folder of this name."""

    def from_folder(name):
        folder = tmp_path / name / "templates"
        (folder / "admin").mkdir(parents=True)
        (folder / "admin" / "base.html").write_text("")
        return override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [folder]}])

    return from_folder


def test_unfold_is_known_by_the_template_that_draws_the_admin(templates):
    assert not unfolded()
    with templates("unfold"):
        assert unfolded()
    assert not unfolded()


def test_a_project_that_overrides_the_admin_is_not_unfold(templates):
    with templates("myproject"):
        assert not unfolded()
