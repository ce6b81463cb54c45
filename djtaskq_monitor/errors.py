from djtaskq.errors import DjtaskqError


class MonitorError(DjtaskqError):
    """The monitor could not do what it was asked."""
