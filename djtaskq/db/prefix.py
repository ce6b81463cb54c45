"""The beginning of a text, found by an index."""

from django.db import connections
from django.db.models import Q

# Behind every character that a text may hold.
_LAST = chr(0x10FFFF)


def starts_with(field: str, term: str, using: str) -> Q:
    """Rows whose `field` begins with `term`, in the words for which this database takes its index.

    MariaDB and MySQL do not tell upper case from lower case here.
    """
    vendor = connections[using].vendor
    if vendor == "sqlite":
        return Q(**{f"{field}__gte": term, f"{field}__lt": term + _LAST})
    return Q(**{f"{field}__{'istartswith' if vendor == 'mysql' else 'startswith'}": term})
