"""Text from workers, made fit for every database."""

import re

# NUL ends a string in PostgreSQL's protocol, and a surrogate on its own has no UTF-8 form.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS = "…"


def storable(text: str, max_length: int | None = None) -> str:
    """`text` as any of the databases can hold it.

    What no database can hold is replaced visibly; what is longer than `max_length` characters is cut, with
    an ellipsis as its last character.
    """
    # Most texts are ASCII, of which Python knows without looking.
    if "\x00" in text or (not text.isascii() and _UNSTORABLE.search(text)):
        text = _UNSTORABLE.sub(REPLACEMENT, text)
    if max_length is not None and len(text) > max_length:
        text = text[: max_length - len(ELLIPSIS)] + ELLIPSIS
    return text
