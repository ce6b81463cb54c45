"""What a search that cannot be read is answered with. Pure."""

from typing import Any

from djtaskq.errors import DjtaskqError


class SearchError(DjtaskqError):
    """{reason}{place}"""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(reason=reason, place="." if position is None else f", at position {position}.")
        self.position = position

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.details["reason"], self.position)
