import dataclasses

import pytest
from django.core.checks import run_checks

from djtaskq import conf
from djtaskq.conf import InvalidSetting
from djtaskq.keys import Settings


def _messages(settings, value):
    settings.DJTASKQ = value
    return {message.id: message for message in run_checks() if message.id.startswith("djtaskq.E")}


def test_without_a_dictionary_every_setting_has_its_default(settings):
    del settings.DJTASKQ
    assert conf.conf() == Settings()


def test_a_change_is_seen_at_once(settings):
    settings.DJTASKQ = {"ADMIN_COUNT_LIMIT": 500}
    assert conf.conf().ADMIN_COUNT_LIMIT == 500
    settings.DJTASKQ = {"ADMIN_COUNT_LIMIT": 600}
    assert conf.conf().ADMIN_COUNT_LIMIT == 600


def test_an_unknown_key_gets_a_suggestion(settings):
    message = _messages(settings, {"ADMIN_COUNT_LIMITS": 500})["djtaskq.E002"]
    assert "ADMIN_COUNT_LIMITS" in message.msg
    assert "ADMIN_COUNT_LIMIT'" in message.hint


def test_an_unknown_key_like_no_other_gets_the_list_of_keys(settings):
    message = _messages(settings, {"ZZZ": 1})["djtaskq.E002"]
    for field in dataclasses.fields(Settings):
        assert field.name in message.hint


@pytest.mark.parametrize("value", ["many", None, 1.5, True, 5])
def test_a_value_that_cannot_be_used_is_an_error_that_says_why(settings, value):
    message = _messages(settings, {"ADMIN_COUNT_LIMIT": value})["djtaskq.E003"]
    assert repr(value) in message.msg
    with pytest.raises(InvalidSetting, match="ADMIN_COUNT_LIMIT"):
        conf.conf()


def test_a_whole_number_stands_for_a_number(settings):
    settings.DJTASKQ = {"DATABASE_RETRY_SECONDS": 5}
    assert conf.conf().DATABASE_RETRY_SECONDS == 5
    assert not _messages(settings, {"DATABASE_RETRY_SECONDS": 5})


def test_something_else_than_a_dictionary_is_an_error(settings):
    assert "djtaskq.E001" in _messages(settings, ["ADMIN_COUNT_LIMIT"])


def test_an_unknown_key_does_not_stop_a_running_process(settings):
    settings.DJTASKQ = {"ZZZ": 1}
    assert conf.conf() == Settings()


def test_every_setting_says_what_it_is_for():
    for field in dataclasses.fields(Settings):
        assert conf.help_text(field.name).endswith("."), field.name


def test_a_commands_options_stand_in_place_of_the_settings(settings):
    settings.DJTASKQ = {"MONITOR_QUEUE": "theirs", "MONITOR_STATISTICS": False}
    conf.override(MONITOR_QUEUE="ours")
    assert (conf.conf().MONITOR_QUEUE, conf.conf().MONITOR_STATISTICS) == ("ours", False)
    with pytest.raises(conf.InvalidSetting):
        conf.override(MONITOR_MAX_PENDING=1)
