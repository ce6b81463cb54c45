"""Stored values for people's eyes and scripts: nothing here ever unpickles."""

import json
from typing import Any

JSON = "application/json"


def value(text: str | None, content_type: str) -> Any:
    """A stored text decoded if it is JSON, as it stands otherwise: a web page never unpickles."""
    if text is None or content_type != JSON:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # the latter for what is nested deeper than anybody would write
        return text
