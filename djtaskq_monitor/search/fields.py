"""The words that stand before a colon in a search, and what each looks at. Pure."""

# What a bare word is looked for in.
EVERYWHERE = ("id", "name", "state", "worker", "args", "kwargs", "result")
TEXTS = ("name", "worker", "args", "kwargs", "result", "exception", "traceback")
IDS = ("root", "parent")
SAME = ("state", "queue", *IDS)
TIMES = ("seen", "sent", "received", "started", "eta")
NUMBERS = ("runtime", "retries")
FIELDS = frozenset((*TEXTS, *SAME, *TIMES, *NUMBERS, "id", "since", "until"))
# Flower's own ones stand for themselves in quotes too.
QUOTED_TOO = frozenset(("name", "state", "worker", "args", "kwargs", "result"))
