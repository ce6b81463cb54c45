"""The project's virtual environment: made once, mended when broken, refreshed when out of date."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.machine import MissingProgramsError, Need, install, sentence
from tools.needs import MYSQLCLIENT

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
OLDEST = [3, 11]
CHECK = "import json, sys, pip; print(json.dumps([sys.prefix, sys.version_info[:2]]))"

# What pip's output holds when a package could not be built from its source.
COMPILING = ("command 'gcc' failed", "command 'cc' failed", "Python.h", "pkg-config", "unable to execute")


class BrokenVenvError(Exception):
    """`.venv` cannot be made, or not be filled."""


def is_current(requirements: str, extras: Iterable[str]) -> bool:
    """Tell whether `.venv` works and holds what `requirements` lists now."""
    return not _broken() and _installed().get(_key(requirements, extras)) == _fingerprint(requirements)


def refresh(requirements: str, extras: Iterable[str]) -> None:
    """See to it that `.venv` works and holds what `requirements` lists, and djtaskq itself."""
    reason = _broken()
    if reason:
        _make(reason)
    _install(requirements, extras)
    done = {_key(requirements, extras): _fingerprint(requirements), "folder": str(VENV)}
    STAMP.write_text(json.dumps(_installed() | done, indent=2))


def _broken() -> str:
    """Return why the environment has to be made anew; nothing when it is well."""
    if not VENV.exists() and not VENV.is_symlink():
        return "is not there yet"
    try:
        done = subprocess.run([str(PYTHON), "-c", CHECK], capture_output=True, check=True, text=True)
        prefix, version = json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return "is broken (its Python does not start, or has no pip)"
    if Path(prefix).resolve() != VENV or _installed().get("folder", str(VENV)) != str(VENV):
        return "was made in another folder"
    if version < OLDEST:
        return f"has Python {version[0]}.{version[1]}"
    return ""


def _make(reason: str) -> None:
    _say(f".venv {reason}: making it with Python {sys.version.split()[0]}.")
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    _ensure_venv_module()
    command = [sys.executable, "-m", "venv", str(VENV)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    if done.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise BrokenVenvError(f"`{' '.join(command)}` failed:\n{done.stdout}")


def _ensure_venv_module() -> None:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    # Debian's Python comes without them.
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingProgramsError(sentence([Need("Python's venv module", (), (package,))]))
    install([package])


def _install(requirements: str, extras: Iterable[str]) -> None:
    _say(f"Installing {requirements} into .venv.")
    itself = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    command = [*pip, "install", "-r", str(ROOT / requirements), "-e", itself]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    if done.returncode:
        raise BrokenVenvError(_explained(done.stdout))


def _explained(output: str) -> str:
    """Return the end of what pip said, and what to do about it."""
    advice = "pip could not install the packages: mend what it names, and run the same command again."
    if any(sign in output for sign in COMPILING):
        missing = [need for need in MYSQLCLIENT if need.missing] or MYSQLCLIENT
        advice = f"A package has to be compiled, and {sentence(missing)}"
    return f"{output[-3000:].strip()}\n\n{advice}"


def _key(requirements: str, extras: Iterable[str]) -> str:
    return " ".join([requirements, *extras])


def _fingerprint(requirements: str) -> str:
    files = (requirements, "requirements.txt", "pyproject.toml")
    content = "".join((ROOT / file).read_text() for file in files)
    return hashlib.sha256(content.encode()).hexdigest()


def _installed() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def _say(text: str) -> None:
    print(text, flush=True)
