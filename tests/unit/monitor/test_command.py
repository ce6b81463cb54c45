import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--maxrate=often"], "10/m"),
        (["--maxrate=5/x"], "10/m"),
        (["--maxrate=0/s"], "10/m"),
        (["--frequency=0"], "no number of seconds"),
        (["--frequency=nan"], "no number of seconds"),
        (["--max-pending=5"], "1000 or more"),
        (["--app=nonesuch"], "nonesuch"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments, said, settings):
    settings.DJTASKQ = {}
    with pytest.raises(CommandError, match=said):
        call_command("camera", *arguments, skip_checks=True)
