"""Statements that are held to an index, and beginnings of texts that one finds."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connections, transaction

from djtaskq.db.plans import by_index
from djtaskq.db.prefix import starts_with


def may_read_all(database):
    with connections[database].cursor() as cursor:
        cursor.execute("SHOW enable_seqscan")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_it_ends_with_the_block_in_a_transaction_and_outside_of_one(database):
    with by_index(database):
        assert may_read_all(database) == "off"
    assert may_read_all(database) == "on"
    with transaction.atomic(using=database):
        with by_index(database):
            assert may_read_all(database) == "off"
        assert may_read_all(database) == "on"


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_it_ends_with_an_error(database):
    with pytest.raises(DatabaseError), by_index(database), connections[database].cursor() as cursor:
        cursor.execute("SELECT nonsense")
    assert may_read_all(database) == "on"


def test_the_other_databases_know_no_difference(database):
    with by_index(database):
        assert not User.objects.exists()


def test_a_beginning_is_found_whatever_its_characters(database):
    for name in ("abc", "abd", "ab%", "ab_", "a", "é1", "é2"):
        User.objects.create_user(name)

    def found(term):
        return sorted(
            User.objects.filter(starts_with("username", term, database)).values_list("username", flat=True)
        )

    assert found("ab") == ["ab%", "ab_", "abc", "abd"]
    assert found("ab%") == ["ab%"]
    assert found("ab_") == ["ab_"]
    assert found("é") == ["é1", "é2"]
    assert found("x") == []
