"""Asking others by HTTP at an address that a setting names."""

import urllib.request


def opener() -> urllib.request.OpenerDirector:
    """Knows http and https alone, no files, and follows no redirects.

    Followed, they would take a password or a signature elsewhere, and turn a POST into a GET.
    """
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        director.add_handler(handler())
    return director
