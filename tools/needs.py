"""What the tests and the drivers need from the machine."""

import sys
import sysconfig
from pathlib import Path

from tools.machine import Need

POSTGRESQL = Need("PostgreSQL", ("postgres",), ("postgresql",))
MARIADB = Need("MariaDB", ("mariadbd", "mariadb-install-db"), ("mariadb-server",))
PGBOUNCER = Need("PgBouncer", ("pgbouncer",), ("pgbouncer",))
REDIS = Need("Redis", ("redis-server",), ("redis-server",))
RABBITMQ = Need("RabbitMQ", ("rabbitmq-server", "epmd"), ("rabbitmq-server",))
PROMETHEUS = Need("Prometheus", ("prometheus", "promtool"), ("prometheus",))
BROWSER = Need("Chromium with its driver", ("chromium", "chromedriver"), ("chromium", "chromium-driver"))

COMPILER = Need("a C compiler", ("cc",), ("gcc", "libc6-dev"))
PKG_CONFIG = Need("pkg-config", ("pkg-config",), ("pkg-config",))
MARIADB_LIBRARY = Need("MariaDB's client library", ("mariadb_config",), ("libmariadb-dev",))


class _Headers(Need):
    @property
    def missing(self) -> bool:
        return not Path(sysconfig.get_path("include"), "Python.h").exists()


_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
HEADERS = _Headers("Python's C headers", (), (f"python{_VERSION}-dev",))

SERVERS = (POSTGRESQL, MARIADB, REDIS, RABBITMQ, PGBOUNCER, PROMETHEUS)

# mysqlclient, Django's driver for MariaDB and MySQL, is published as source alone.
MYSQLCLIENT = (COMPILER, PKG_CONFIG, MARIADB_LIBRARY, HEADERS)
