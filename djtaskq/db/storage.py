"""How full a database packs the pages of a table, where that can be said."""

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def set_fillfactor(schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], percent: int) -> None:
    """Have PostgreSQL leave room in each page of `model`'s table; for `RunPython`. Others do nothing.

    A row's next version that fits into the page of the last one needs no entry in an index of which no
    column has changed.
    """
    if schema_editor.connection.vendor == "postgresql":
        table = schema_editor.quote_name(model._meta.db_table)
        schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = {int(percent)})")
