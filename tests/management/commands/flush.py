from django.core.management.base import BaseCommand
from django.db import connections, transaction

# The same after every test: what migrate put there.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


class Command(BaseCommand):
    """Empty a test database in a few milliseconds.

    Django's own truncates every table and then makes all content types and permissions again, after each
    test that uses transactions: most of such a test's time. This one deletes rows from the tables that
    have any.
    """

    def add_arguments(self, parser):
        parser.add_argument("--noinput", "--no-input", action="store_false", dest="interactive")
        parser.add_argument("--database", default="default")
        for ignored in ("reset_sequences", "allow_cascade", "inhibit_post_migrate"):
            parser.add_argument(f"--{ignored}", action="store_true")

    def handle(self, *, database, **options):
        connection = connections[database]
        with connection.cursor() as cursor:
            tables = sorted(set(connection.introspection.table_names(cursor)) - KEPT)
            names = [connection.ops.quote_name(table) for table in tables]
            # A UNION of one SELECT for each table: one round trip tells which have rows.
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {name})"
                    for number, name in enumerate(names)
                )
            )
            filled = [names[number] for (number,) in cursor.fetchall()]
        with (
            connection.constraint_checks_disabled(),
            transaction.atomic(using=database),
            connection.cursor() as cursor,
        ):
            for name in filled:
                cursor.execute(f"DELETE FROM {name}")
