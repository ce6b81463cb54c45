"""What a request gives: parameters in the URL or in a form, and a body of JSON."""

import json
import math
from typing import Any

from django.http import HttpRequest

from djtaskq.db.text import storable
from djtaskq_monitor.api.errors import bad

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off", ""})
_LARGEST = 2**31 - 1


class Given:
    """The parameters by name: of the form where there is one, else of the URL; blanks around them are cut.

    Each of the readers raises an `ApiError` for what cannot be meant.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def text(self, name: str, *, required: bool = False) -> str | None:
        found = self._request.POST.get(name, self._request.GET.get(name))
        found = storable(found.strip()) if found is not None else None
        if not found:
            if required:
                raise bad(f"Missing argument {name}")
            return None
        return found

    def named(self, name: str) -> str:
        return self.text(name, required=True) or ""

    def whole(self, name: str) -> int | None:
        text = self.text(name)
        try:
            number = None if text is None else int(text)
        except ValueError:
            raise bad(f"Invalid argument {text!r} of type 'int'") from None
        return None if number is None else max(-_LARGEST, min(number, _LARGEST))

    def number(self, name: str) -> float | None:
        text = self.text(name)
        try:
            number = None if text is None else float(text)
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):
            raise bad(f"Invalid argument {text!r} of type 'float'")
        return number

    def truth(self, name: str) -> bool:
        text = (self.text(name) or "").lower()
        if text not in _TRUE | _FALSE:
            raise bad(f"Invalid argument {text!r} of type 'bool'")
        return text in _TRUE

    def json(self) -> dict[str, Any]:
        """The body, an object; empty for none."""
        body = self._request.body
        try:
            found: Any = json.loads(body) if body else {}
        except (ValueError, RecursionError) as error:
            raise bad(f"The body is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise bad("invalid options")
        return found
