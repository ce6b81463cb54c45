"""The words in which an app says what its triggers do, whatever the database."""

import dataclasses
import enum
from collections.abc import Sequence

from django.db import models

from djtaskq.errors import DjtaskqError


class TriggersRefused(DjtaskqError):
    """The database does not take the triggers: {reason}"""


class Event(enum.Enum):
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Set `fields` of some rows of `model` to the time of the statement, by the database's clock.

    Which rows: those whose field `key` is the field `of` of the row that changed. With `through`, a model and
    the name of a reference of it: those whose `key` is the primary key of a row there that refers to the row
    that changed.

    `made_if` names a boolean field of the row that changed: where it is true and no row has that key, one is
    made, with its model's defaults in all other columns. `key` must be unique for that, and `through` unset.
    """

    model: type[models.Model]
    fields: Sequence[str]
    key: str
    of: str = "pk"
    through: tuple[type[models.Model], str] | None = None
    made_if: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Delete the rows of `model` whose field `key` is the field `of` of the row that changed."""

    model: type[models.Model]
    key: str
    of: str = "pk"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """`actions` for each row of `model` that is inserted, updated or deleted.

    An update counts only if it gives one of the fields in `changing` another value.
    """

    name: str
    model: type[models.Model]
    event: Event
    actions: Sequence[Stamp | Remove]
    changing: Sequence[str] = ()


def column(model: type[models.Model], name: str) -> str:
    """The column of field `name`; "pk" is the primary key."""
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    return str(getattr(field, "column", ""))
