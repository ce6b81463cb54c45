"""`python -m djtaskq.project watch`, and Django's own commands with this project's settings."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "djtaskq.project.settings")
    if sys.argv[1:2] == ["watch"]:
        # Its web server is on loopback and has a login of its own, as the demo's.
        os.environ |= {"DJTASKQ_DEMO": "1", "DJTASKQ_WATCH": "1"}
    execute_from_command_line(sys.argv)
