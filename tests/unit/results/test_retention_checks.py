import pytest
from celery import current_app
from django.core.checks import run_checks


@pytest.fixture
def told(settings):
    """Return a function that checks a setting: the messages about it by id."""

    before = current_app.conf.result_extended

    def check(setting, *, extended=True):
        settings.DJTASKQ = {"RESULTS_RETENTION": setting}
        current_app.conf.result_extended = extended
        wanted = ("djtaskq.E003", "djtaskq_results.E003", "djtaskq_results.W003")
        return {message.id: message.msg for message in run_checks() if message.id in wanted}

    yield check
    current_app.conf.result_extended = before


def test_what_is_well_written_is_not_spoken_of(told):
    assert not told(None)
    assert not told({})
    assert not told({"states": {"SUCCESS": 60}, "tasks": {"a.*": None}, "groups": "1 day"})


def test_an_entry_that_cannot_be_meant_is_an_error(told):
    assert "did you mean 'SUCCESS'" in told({"states": {"SUCESS": 60}})["djtaskq_results.E003"]


def test_something_else_than_a_dictionary_is_told_once(told):
    assert set(told("1 day")) == {"djtaskq.E003"}


def test_names_that_are_not_stored_are_a_warning(told):
    assert set(told({"tasks": {"a": 60}}, extended=False)) == {"djtaskq_results.W003"}
    assert not told({"states": {"SUCCESS": 60}}, extended=False)
