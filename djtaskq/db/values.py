"""The rows of an INSERT, in the words that a database reads fastest."""

import functools
import itertools
import operator
import re
from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from djtaskq.db.features import features
from djtaskq.db.fields import InstantField

# Below it, parsing a list of rows costs no more than taking arrays apart.
_FEW = 8
_LENGTH = re.compile(r"\(.*\)")
# What an array of a driver's values cannot be cast to without care.
_NOT_IN_ARRAYS = (models.JSONField, models.BinaryField)
# Fields that treat all values of a type alike: if they pass one on as it is, then all of them.
_PLAIN = {
    models.CharField: str,
    models.TextField: str,
    models.FloatField: float,
    models.IntegerField: int,
    models.BigIntegerField: int,
    InstantField: int,
}


def source(
    fields: Sequence[Any], rows: Sequence[models.Model], connection: BaseDatabaseWrapper
) -> tuple[str, list[Any]]:
    """What follows `INSERT INTO table (fields)`: SQL and parameters, one value for each field and row."""
    columns = [_prepared(field, rows, connection) for field in fields]
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
        if number and _are_alike(values):
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


def _prepared(field: Any, rows: Sequence[models.Model], connection: BaseDatabaseWrapper) -> list[Any]:
    """One column's values as the driver takes them; what many rows share is prepared once."""
    if type(field).pre_save is models.Field.pre_save:
        values = list(map(operator.attrgetter(field.attname), rows))
    else:
        values = [field.pre_save(row, True) for row in rows]
    prepare = functools.partial(field.get_db_prep_save, connection=connection)
    if _are_alike(values):
        return [prepare(values[0])] * len(values)
    plain = _PLAIN.get(type(field))
    if set(map(type, values)) <= {plain, type(None)}:
        known = next(value for value in values if value is not None)
        if prepare(known) is known:
            return values
    found = []
    before, prepared = object(), None
    for value in values:
        if value is not before:
            before, prepared = value, prepare(value)
        found.append(prepared)
    return found


def _are_alike(values: Sequence[Any]) -> bool:
    return all(map(operator.is_, values, itertools.repeat(values[0])))
