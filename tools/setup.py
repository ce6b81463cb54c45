"""Make or refresh `.venv`: `python3 -m tools.setup REQUIREMENTS [--database-url URL] [--servers]`.

Only the standard library, and a syntax that older Pythons read, so that they can say they are too old.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWER = [f"python3.{minor}" for minor in range(15, OLDEST[1] - 1, -1)]


def main() -> int:
    if sys.version_info < OLDEST:
        return _again_with_a_newer_python()
    # Not at the top: these use what older Pythons lack.
    from tools import machine, needs, venv

    options = _options()
    extras = ["mysql"] if options.database_url.startswith("mysql") else []
    current = venv.is_current(options.requirements, extras)
    wanted = [*needs.SERVERS, needs.BROWSER, needs.COMPILER] if options.servers else []
    if not current and (extras or "mysqlclient" in Path(options.requirements).read_text()):
        wanted += needs.MYSQLCLIENT
    try:
        machine.ensure(wanted)
        if not current:
            venv.refresh(options.requirements, extras)
    except (machine.MissingProgramsError, venv.BrokenVenvError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        # Nothing is half done: what is not in the stamp is installed the next time.
        return 130
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tools.setup", description=__doc__)
    parser.add_argument("requirements", help="file with the packages to install")
    parser.add_argument("--database-url", default="", help="install the driver for this database, too")
    parser.add_argument("--servers", action="store_true", help="see to the tests' servers and browser, too")
    return parser.parse_args()


def _again_with_a_newer_python() -> int:
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    for name in NEWER:
        try:
            # A version manager's shim may be there without the version behind it.
            works = subprocess.run([name, "-c", check], check=False, capture_output=True).returncode == 0
        except OSError:
            continue
        if works:
            os.execvp(name, [name, "-m", "tools.setup", *sys.argv[1:]])
    version = ".".join(str(part) for part in sys.version_info[:3])
    sys.stderr.write(
        f"djtaskq needs Python {OLDEST[0]}.{OLDEST[1]} or later and `{sys.executable}` is {version}: "
        "install a newer one, or name it with `make ... PYTHON=/path/to/python3`.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
