"""PostgreSQL, MariaDB, Redis and RabbitMQ for tests: on free ports of loopback, in a temporary folder.

Everything here runs on the standard library alone, before there is a virtual environment.
"""

from tests.servers.base import Server, ServerError
from tests.servers.fleet import SERVERS, Fleet
from tests.servers.mariadb import MariaDB
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgresql import PostgreSQL
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis

__all__ = [
    "SERVERS",
    "Fleet",
    "MariaDB",
    "PgBouncer",
    "PostgreSQL",
    "RabbitMQ",
    "Redis",
    "Server",
    "ServerError",
]
