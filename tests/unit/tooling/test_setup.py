"""`make demo` and `make test` make .venv, mend it, and say what is missing."""

import os
import shutil
import sys

import pytest

from tools import setup, venv
from tools.machine import MissingProgramsError
from tools.needs import MYSQLCLIENT


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """An empty checkout, in which pip is not asked to install anything."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("requirements.txt", "pyproject.toml"):
        (root / name).write_text("")
    place(monkeypatch, root)
    monkeypatch.setattr(venv, "_install", lambda requirements, extras: None)
    return root


def place(monkeypatch, root):
    monkeypatch.setattr(venv, "ROOT", root)
    monkeypatch.setattr(venv, "VENV", root / ".venv")
    monkeypatch.setattr(venv, "PYTHON", root / ".venv" / "bin" / "python")
    monkeypatch.setattr(venv, "STAMP", root / ".venv" / "installed.json")


def test_an_environment_is_made_once_and_refreshed_when_the_requirements_change(checkout):
    assert not venv.is_current("requirements.txt", [])
    venv.refresh("requirements.txt", [])
    assert venv.is_current("requirements.txt", [])
    assert not venv.is_current("requirements.txt", ["mysql"])
    (checkout / "requirements.txt").write_text("django")
    assert not venv.is_current("requirements.txt", [])


def test_an_environment_whose_python_went_away_is_made_anew(checkout, capsys):
    venv.refresh("requirements.txt", [])
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to("/nowhere/python")
    venv.refresh("requirements.txt", [])
    assert ".venv is broken (its Python does not start, or has no pip)" in capsys.readouterr().out
    assert venv.is_current("requirements.txt", [])


def test_an_environment_whose_folder_moved_is_made_anew(checkout, monkeypatch, capsys):
    venv.refresh("requirements.txt", [])
    moved = checkout.with_name("moved")
    checkout.rename(moved)
    place(monkeypatch, moved)
    venv.refresh("requirements.txt", [])
    assert ".venv was made in another folder" in capsys.readouterr().out
    assert venv.is_current("requirements.txt", [])


def test_a_dangling_link_in_the_place_of_the_environment_is_replaced(checkout):
    (checkout / ".venv").symlink_to("/nowhere")
    venv.refresh("requirements.txt", [])
    assert venv.is_current("requirements.txt", [])


def test_debians_python_without_its_venv_package_gets_a_sentence(checkout, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(MissingProgramsError, match=rf"install .* python{version}-venv` and try again"):
        venv.refresh("requirements.txt", [])


def test_a_missing_compiler_is_named_after_what_pip_said(monkeypatch, tmp_path):
    monkeypatch.setenv("DJTASKQ_TEST_PROGRAMS", str(tmp_path))
    said = venv._explained("... error: command 'gcc' failed: No such file or directory")
    assert said.startswith("... error")
    assert "a C compiler" in said
    assert "gcc" in said.splitlines()[-1]
    assert all(need.packages for need in MYSQLCLIENT)


def test_another_failure_of_pip_is_shown_as_it_is():
    said = venv._explained("ERROR: Could not find a version that satisfies the requirement x")
    assert said.startswith("ERROR: Could not find")
    assert "apt-get" not in said


def test_an_old_python_says_so(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "/nowhere")
    assert setup.main() == 1
    assert "needs Python 3.11 or later" in capsys.readouterr().err


def test_an_old_python_hands_over_to_a_newer_one(monkeypatch, tmp_path):
    newer = tmp_path / "python3.13"
    newer.symlink_to(shutil.which(sys.executable) or sys.executable)
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(sys, "argv", ["setup", "requirements.txt"])
    monkeypatch.setenv("PATH", str(tmp_path))
    handed_over = []
    monkeypatch.setattr(os, "execvp", lambda name, arguments: handed_over.append(arguments))
    setup.main()
    assert handed_over[0] == ["python3.13", "-m", "tools.setup", "requirements.txt"]
