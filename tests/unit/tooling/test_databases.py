import threading

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections


@pytest.mark.parametrize("time", [1, 2])
def test_a_database_test_starts_with_empty_tables_and_all_permissions(database, time):
    assert User.objects.count() == 0
    assert Permission.objects.filter(codename="add_user").exists()
    User.objects.create(username="somebody")


def test_all_traffic_goes_to_the_database_of_the_test(database):
    user = User.objects.create(username="somebody")
    assert user._state.db == database
    assert User.objects.using(database).count() == 1


def test_threads_see_what_the_test_committed(database):
    User.objects.create(username="somebody")
    seen = []

    def look():
        seen.append(User.objects.get().username)
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == ["somebody"]
