"""The rows of an INSERT, in the words that a database reads fastest."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from djtaskq.db.features import features

# Below it, parsing a list of rows costs no more than taking arrays apart.
_FEW = 8
_LENGTH = re.compile(r"\(.*\)")
# What an array of a driver's values cannot be cast to without care.
_NOT_IN_ARRAYS = (models.JSONField, models.BinaryField)


def source(
    fields: Sequence[Any], rows: Sequence[models.Model], connection: BaseDatabaseWrapper
) -> tuple[str, list[Any]]:
    """What follows `INSERT INTO table (fields)`: SQL and parameters, one value for each field and row."""
    columns = [list(_prepared(field, rows, connection)) for field in fields]
    if len(rows) > _FEW and features(connection.alias).unnest and all(map(_fits_an_array, fields)):
        return _unnested(fields, columns, connection)
    one = f"({', '.join(['%s'] * len(fields))})"
    values = itertools.chain.from_iterable(zip(*columns, strict=True))
    return f"VALUES {', '.join([one] * len(rows))}", list(values)


def unbounded_type(field: Any, connection: BaseDatabaseWrapper) -> str:
    """The type to cast a field's values to, without its length: a cast would cut what the column refuses."""
    return _LENGTH.sub("", str(field.cast_db_type(connection)))


def _unnested(
    fields: Sequence[Any], columns: Sequence[list[Any]], connection: BaseDatabaseWrapper
) -> tuple[str, list[Any]]:
    """An array for each column, and one value for a column in which all rows are alike.

    Ten thousand literals in a VALUES list take PostgreSQL longer to parse than the rows take it to write.
    """
    selected, arrays = [], []
    constants: list[Any] = []
    varying: list[Any] = []
    for number, (field, values) in enumerate(zip(fields, columns, strict=True)):
        kind = unbounded_type(field, connection)
        if number and all(value is values[0] for value in values):
            selected.append(f"%s::{kind}")
            constants.append(values[0])
        else:
            selected.append(f"c{number}")
            arrays.append((f"c{number}", f"%s::{kind}[]"))
            varying.append(values)
    names = ", ".join(name for name, _ in arrays)
    casts = ", ".join(cast for _, cast in arrays)
    sql = f"SELECT {', '.join(selected)} FROM unnest({casts}) AS given({names})"  # noqa: S608  no value is in it
    return sql, [*constants, *varying]


def _fits_an_array(field: Any) -> bool:
    return not isinstance(field, _NOT_IN_ARRAYS)


def _prepared(field: Any, rows: Sequence[models.Model], connection: BaseDatabaseWrapper) -> Iterator[Any]:
    """One column's values as the driver takes them; what many rows share is prepared once."""
    before, prepared = object(), None
    for row in rows:
        value = field.pre_save(row, True)
        if value is not before:
            before, prepared = value, field.get_db_prep_save(value, connection=connection)
        yield prepared
