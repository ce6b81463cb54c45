"""What the triggers of an app promise, on tables that are not the app's own."""

import datetime as dt

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction

from djtaskq.db.clock import now
from djtaskq.db.triggers import Event, Remove, Stamp, Trigger, Triggers, TriggersRefused
from tests.models import Mark, Note

MARK = Stamp(model=Mark, fields=["at"], key="key", of="username", made_if="is_active")
ON_USERS = [
    Trigger(name="insert", model=User, event=Event.INSERT, actions=[MARK]),
    Trigger(
        name="update", model=User, event=Event.UPDATE, changing=["first_name", "last_login"], actions=[MARK]
    ),
    Trigger(
        name="delete",
        model=User,
        event=Event.DELETE,
        actions=[Remove(model=Mark, key="key", of="username")],
    ),
]
THROUGH = Trigger(
    name="through",
    model=ContentType,
    event=Event.UPDATE,
    changing=["model"],
    actions=[Stamp(model=Note, fields=["at"], key="number", through=(Permission, "content_type"))],
)
# No row can be made of this model: a column of it has neither a value nor a default.
FAILING = Trigger(
    name="failing",
    model=Group,
    event=Event.INSERT,
    actions=[Stamp(model=User, fields=["last_login"], key="username", of="name")],
)


@pytest.fixture
def install(database):
    """Return a function that installs triggers until the test ends."""
    installed = []

    def make(*triggers):
        made = Triggers("tests", triggers)
        assert made.install(database) is True
        installed.append(made)
        return made

    yield make
    for made in installed:
        made.drop(database)


def users(*names, **columns):
    return User.objects.bulk_create(User(username=name, **columns) for name in names)


def marked():
    """The keys of the marks that were stamped within the last minute."""
    return {mark.key for mark in Mark.objects.all() if mark.at and just_now(mark.at)}


def just_now(instant):
    return abs(instant - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def unmark():
    Mark.objects.update(at=None)


def test_rows_that_are_inserted_past_the_signals_make_marks_if_they_are_to(install):
    install(*ON_USERS)
    users("a", "b")
    users("c", is_active=False)
    assert marked() == {"a", "b"}
    assert Mark.objects.get(key="a").text == "made"


def test_a_mark_that_is_there_is_stamped_and_stays_as_it_is(install):
    Mark.objects.create(key="a", text="mine")
    Mark.objects.create(key="b", text="mine")
    install(*ON_USERS)
    users("a")
    users("b", is_active=False)
    assert marked() == {"a", "b"}
    assert set(Mark.objects.values_list("text", flat=True)) == {"mine"}


def test_the_instant_is_the_databases(install, database):
    install(*ON_USERS)
    before = now(database)
    users("a")
    assert before <= Mark.objects.get().at <= now(database)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"first_name": "A"}, True),
        ({"first_name": "B"}, True),
        ({"last_login": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, True),
        ({"first_name": "a", "last_login": None}, False),
        ({"last_name": "other", "is_active": True}, False),
    ],
    ids=["other case", "other value", "from null", "the same", "other columns"],
)
def test_an_update_counts_if_a_column_of_those_named_gets_another_value(install, change, counts):
    install(*ON_USERS)
    users("a", "b", first_name="a")
    unmark()
    User.objects.filter(username="a").update(**change)
    assert marked() == ({"a"} if counts else set())


def test_an_update_that_would_make_a_mark_does_so(install):
    install(*ON_USERS)
    users("a", "b")
    Mark.objects.all().delete()
    User.objects.filter(username="b").update(is_active=False)
    User.objects.update(first_name="new")
    assert marked() == {"a"}


def test_rows_that_are_deleted_past_the_signals_take_their_marks_along(install, database):
    install(*ON_USERS)
    users("a", "b")
    User.objects.filter(username="a")._raw_delete(database)
    assert marked() == {"b"}


def test_a_transaction_that_is_rolled_back_leaves_no_mark(install, database):
    install(*ON_USERS)
    with transaction.atomic(using=database):
        users("a")
        assert marked() == {"a"}
        transaction.set_rollback(True, using=database)
    assert marked() == set()


def test_what_refers_to_a_row_is_stamped_through_the_table_between(install):
    first = ContentType.objects.create(app_label="x", model="first")
    other = ContentType.objects.create(app_label="x", model="other")
    for content_type in (first, other):
        permission = Permission.objects.create(codename="p", name="p", content_type=content_type)
        Note.objects.create(key=content_type.model, number=permission.pk)
    install(THROUGH)
    ContentType.objects.filter(pk=first.pk).update(model="renamed")
    assert just_now(Note.objects.get(key="first").at)
    assert Note.objects.get(key="other").at is None
    Permission.objects.filter(codename="p").delete()
    ContentType.objects.filter(app_label="x").delete()


def test_what_fails_inside_is_no_error_of_the_statement(install, database):
    if database == "sqlite":
        return  # it knows no such thing
    install(FAILING)
    users("a")
    Group.objects.create(name="a")
    assert Group.objects.get().name == "a"
    assert User.objects.get().last_login is None


def test_installing_is_idempotent_and_mends_what_is_missing(install, database):
    made = install(*ON_USERS)
    assert made.missing(database) == []
    assert made.install(database) is False
    Triggers("tests", ON_USERS[:2]).install(database)
    assert [name.rsplit("_", 1)[0] for name in made.missing(database)] == ["tests_delete"]
    assert made.install(database) is True
    assert made.missing(database) == []


def test_a_trigger_of_another_version_takes_the_place_of_the_old_one(install, database):
    install(ON_USERS[1])
    other = Trigger(
        name="update", model=User, event=Event.UPDATE, changing=["last_name"], actions=ON_USERS[1].actions
    )
    newer = Triggers("tests", [other])
    assert len(newer.missing(database)) == 1
    assert newer.install(database) is True
    users("a")
    User.objects.update(first_name="new")
    assert marked() == set()
    User.objects.update(last_name="new")
    assert marked() == {"a"}


def test_what_is_dropped_is_gone(install, database):
    made = install(*ON_USERS)
    assert made.drop(database) is True
    assert len(made.missing(database)) == 3
    assert made.drop(database) is False
    users("a")
    assert marked() == set()


@pytest.mark.parametrize("database", ["default"], indirect=True, ids=["postgresql"])
def test_a_role_that_does_not_own_the_table_is_refused_and_leaves_nothing(install, database):
    with connections[database].cursor() as cursor:
        cursor.execute("CREATE ROLE visitor")
        cursor.execute("SET ROLE visitor")
        try:
            with pytest.raises(TriggersRefused, match=r"owner of|permission denied"):
                Triggers("tests", ON_USERS).install(database)
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP ROLE visitor")
    assert len(Triggers("tests", ON_USERS).missing(database)) == 3


@pytest.mark.parametrize("database", ["default"], indirect=True, ids=["postgresql"])
def test_who_may_write_the_table_needs_no_right_to_the_marks(install, database):
    install(*ON_USERS)
    users("a")
    unmark()
    with connections[database].cursor() as cursor:
        cursor.execute("CREATE ROLE clerk")
        cursor.execute("GRANT SELECT, UPDATE ON auth_user TO clerk")
        cursor.execute("SET ROLE clerk")
        try:
            User.objects.update(first_name="new")
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY clerk")
            cursor.execute("DROP ROLE clerk")
    assert marked() == {"a"}


@pytest.mark.parametrize("database", ["default"], indirect=True, ids=["postgresql"])
def test_a_trigger_that_is_switched_off_is_missing(install, database):
    made = install(*ON_USERS)
    with connections[database].cursor() as cursor:
        cursor.execute("ALTER TABLE auth_user DISABLE TRIGGER USER")
    assert len(made.missing(database)) == 3
    assert made.install(database) is True
    assert made.missing(database) == []


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_an_account_without_the_privilege_is_refused(install, database):
    own = connections[database]
    visitor = own.copy("visitor")
    visitor.settings_dict = {**own.settings_dict, "USER": "visitor", "PASSWORD": "secret"}
    with own.cursor() as cursor:
        cursor.execute("CREATE USER visitor IDENTIFIED BY 'secret'")
        cursor.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO visitor")
        connections["visitor"] = visitor
        try:
            with pytest.raises(TriggersRefused, match="TRIGGER command denied"):
                Triggers("tests", ON_USERS).install("visitor")
        finally:
            visitor.close()
            del connections["visitor"]
            cursor.execute("DROP USER visitor")
