"""Databases of their own on the servers, for processes that bring their own settings."""

from contextlib import closing

from tests.servers.base import Server


def create_database(server: Server, name: str) -> str:
    """Make an empty database and return its URL, as DATABASE_URL takes it."""
    _execute(server, f"CREATE DATABASE {name}")
    return f"{server.url}/{name}"


def drop_database(server: Server, name: str) -> None:
    # PostgreSQL would refuse while a process that was just killed still has its connection.
    _execute(
        server, f"DROP DATABASE IF EXISTS {name}{' WITH (FORCE)' if server.name == 'postgresql' else ''}"
    )


def _execute(server: Server, statement: str) -> None:
    with closing(_connect(server)) as connection:
        connection.cursor().execute(statement)


def _connect(server: Server):
    # Late, since the rest of this package runs before the drivers are installed.
    address = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password}
    if server.name == "postgresql":
        import psycopg2

        connection = psycopg2.connect(**address, dbname="postgres")
        connection.autocommit = True
        return connection
    import MySQLdb

    return MySQLdb.connect(**address, autocommit=True)
