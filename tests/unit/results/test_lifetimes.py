import datetime as dt

import pytest

from djtaskq_results.lifetimes import InvalidRetention, group_age, lifetimes, problems

HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR


def rules(setting=None, otherwise=2 * DAY, failures=None):
    return lifetimes(setting, otherwise=otherwise, failures=failures or otherwise)


def test_without_the_setting_celery_s_own_hold():
    plain = rules(failures=30 * DAY)
    assert plain.rule("SUCCESS", "a").age == 2 * DAY
    assert plain.rule("STARTED", None).age == 2 * DAY
    assert plain.rule("FAILURE", "a").age == 30 * DAY
    assert plain.ages == {2 * DAY, 30 * DAY}
    assert not plain.by_name


def test_a_state_comes_before_celery_s_settings():
    states = rules({"states": {"SUCCESS": "1 day", "FAILURE": None}}, failures=30 * DAY)
    assert states.rule("SUCCESS", "a").age == DAY
    assert states.rule("FAILURE", "a").age is None
    assert states.rule("REVOKED", "a").age == 2 * DAY


@pytest.mark.parametrize(
    ("state", "task", "rule"),
    [
        ("SUCCESS", "proj.audit", "proj.audit"),
        ("FAILURE", "proj.audit", "proj.audit"),
        ("SUCCESS", "proj.imports.users", "proj.imports.* SUCCESS"),
        ("FAILURE", "proj.imports.users", "proj.*"),
        ("SUCCESS", "proj.imports.users.old", "proj.imports.* SUCCESS"),
        ("REVOKED", "proj.imports.users.old", "*.imports.users.old REVOKED"),
        ("SUCCESS", "x.old", "*.old"),
        ("SUCCESS", "proj.other", "proj.*"),
        ("SUCCESS", "else", "SUCCESS"),
        ("FAILURE", "else", "result_expires"),
        ("SUCCESS", "PROJ.audit", "SUCCESS"),
        ("SUCCESS", "xproj.audit", "SUCCESS"),
        ("SUCCESS", "projXaudit", "SUCCESS"),
        ("SUCCESS", "", "SUCCESS"),
        ("SUCCESS", None, "SUCCESS"),
    ],
)
def test_the_most_specific_that_says_something_of_the_state_holds(state, task, rule):
    setting = {
        "states": {"SUCCESS": "1 day"},
        "tasks": {
            "proj.*": "3 days",
            "proj.audit": None,
            "proj.imports.*": {"SUCCESS": "1 hour"},
            "*.imports.users.old": {"REVOKED": 1},
            "*.old": "4 days",
        },
    }
    assert rules(setting).rule(state, task).name == rule


def test_of_two_patterns_alike_the_first_holds():
    assert rules({"tasks": {"a*": 1, "*b": 2}}).rule("SUCCESS", "ab").name == "a*"
    assert rules({"tasks": {"*b": 1, "a*": 2}}).rule("SUCCESS", "ab").name == "*b"


def test_none_is_for_ever():
    keeps = rules({"states": {"SUCCESS": None}, "tasks": {"a": None}}, otherwise=None)
    assert keeps.ages == set()


def test_other_rules_have_another_fingerprint():
    settings = [
        {},
        {"states": {"SUCCESS": 1}},
        {"states": {"FAILURE": 1}},
        {"tasks": {"a": 1}},
        {"tasks": {"a": {"SUCCESS": 1}}},
        {"tasks": {"a*": 1, "*b": 2}},
        {"tasks": {"*b": 2, "a*": 1}},
    ]
    assert len({rules(setting).fingerprint for setting in settings}) == len(settings)
    assert rules().fingerprint != rules(otherwise=DAY).fingerprint
    one, other = {"SUCCESS": 60, "FAILURE": 90}, {"FAILURE": 90, "SUCCESS": "1 minute"}
    assert rules({"states": one}).fingerprint == rules({"states": other}).fingerprint


def test_groups_have_an_age_of_their_own():
    assert group_age({"groups": "1 day"}, HOUR) == DAY
    assert group_age({"groups": None}, HOUR) is None
    assert group_age({"states": {}}, HOUR) == group_age(None, HOUR) == HOUR


@pytest.mark.parametrize(
    ("setting", "where", "reason"),
    [
        ({"SUCCESS": 1}, "['SUCCESS']", "write {'states': {'SUCCESS': …}}"),
        ({"proj.audit": None}, "['proj.audit']", "write {'tasks': {'proj.audit': …}}"),
        ({"state": {}}, "['state']", "did you mean 'states'"),
        ({"groups": -1}, "['groups']", "more than zero"),
        ({"states": "1 day"}, "['states']", "no dictionary of states"),
        ({"states": {"SUCESS": 1}}, "['states']['SUCESS']", "did you mean 'SUCCESS'"),
        ({"states": {"success": 1}}, "['states']['success']", "did you mean 'SUCCESS'"),
        ({"states": {"proj.audit": 1}}, "['states']['proj.audit']", "belong under “tasks”"),
        ({"states": {3: 1}}, "['states'][3]", "is a string"),
        ({"states": {"SUCCESS": 0}}, "['states']['SUCCESS']", "more than zero"),
        ({"tasks": {"SUCCESS": 1}}, "['tasks']['SUCCESS']", "SUCCESS is a state"),
        ({"tasks": {"": 1}}, "['tasks']['']", "named by a string"),
        ({"tasks": {"a": "never"}}, "['tasks']['a']", "write seconds"),
        ({"tasks": {"a": {"FAILED": 1}}}, "['tasks']['a']['FAILED']", "did you mean 'FAILURE'"),
        ({"tasks": {"a": {"RETRY": -1}}}, "['tasks']['a']['RETRY']", "more than zero"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_told_where_and_why(setting, where, reason):
    ((found, told),) = problems(setting)
    assert found == where
    assert reason in told
    with pytest.raises(InvalidRetention) as raised:
        rules(setting)
    assert f'DJTASKQ["RESULTS_RETENTION"]{where}: ' in str(raised.value)


def test_states_of_one_s_own_are_taken():
    assert not list(problems({"states": {"PROGRESS": 60}, "tasks": {"a": {"UPLOADING": None}}}))


def test_names_that_are_made_up_take_no_memory_for_ever():
    many = rules()
    for number in range(10_050):
        many.rule("SUCCESS", f"task {number}")
    assert len(many._known) < 10_050
