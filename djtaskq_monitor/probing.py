"""Who may ask how everything stands: staff, who has the token, who comes from a network of ours.

The address is the one that the connection came from. Behind a proxy that is the proxy's, whoever asked it:
use the token there.
"""

import functools
import ipaddress
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.crypto import constant_time_compare

from djtaskq.conf import conf

PERMISSION = "djtaskq_monitor.view_workerstate"
SHORTEST_TOKEN = 16
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


View = Callable[..., HttpResponseBase]


def probed(view: View) -> View:
    """Let those ask the view; 403 to everybody else."""

    @functools.wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not (has_token(request) or from_a_network(request)):
            try:
                if not is_staff(request):
                    raise PermissionDenied
            except (DatabaseError, InterfaceError):
                return HttpResponse("The database does not answer.", status=HTTPStatus.SERVICE_UNAVAILABLE)
        return view(request, *args, **kwargs)

    return asked


def has_token(request: HttpRequest) -> bool:
    token = conf().MONITOR_PROBE_TOKEN
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if not token or kind.lower() != "bearer":
        return False
    return constant_time_compare(given.strip(), token)


def from_a_network(request: HttpRequest) -> bool:
    known = networks()[0]
    if not known:
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False  # a socket of this host has no address
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in known)


def is_staff(request: HttpRequest) -> bool:
    user = request.user
    return user.is_active and user.is_staff and user.has_perm(PERMISSION)


def networks() -> tuple[list[Network], list[str]]:
    """The networks of the settings, and what stands there and is none."""
    known, wrong = [], []
    for text in conf().MONITOR_PROBE_NETWORKS:
        try:
            known.append(ipaddress.ip_network(text))
        except ValueError:
            wrong.append(str(text))
    return known, wrong
