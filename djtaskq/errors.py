"""The suite's errors: a class's docstring is its message."""

import inspect
from typing import ClassVar


class DjtaskqError(Exception):
    """Something in djtaskq went wrong."""

    _message: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._message = " ".join(inspect.cleandoc(cls.__doc__ or cls.__name__).split())

    def __init__(self, **details: object) -> None:
        """Keep `details` as attributes and fill them into the docstring's `{…}`."""
        super().__init__(self._message.format(**details))
        self.details = details

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.details)


def _rebuild(cls: type[DjtaskqError], details: dict[str, object]) -> DjtaskqError:
    return cls(**details)


DjtaskqError._message = "Something in djtaskq went wrong."  # noqa: SLF001  __init_subclass__ runs for subclasses alone
