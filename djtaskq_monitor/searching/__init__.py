"""Searches as QuerySets: by an index where there is one, otherwise through the newest rows, within bounds.

What a page would not show is not to be found either: conditions on texts that may hold secrets are put to the
database first and then to the texts as they are shown.
"""

from djtaskq_monitor.searching.conditions import exact, possible
from djtaskq_monitor.searching.indexes import indexed, of_root, read
from djtaskq_monitor.searching.walking import Found, search_page

__all__ = ["Found", "exact", "indexed", "of_root", "possible", "read", "search_page"]
