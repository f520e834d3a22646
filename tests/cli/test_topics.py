"""`mreg help`."""

from __future__ import annotations

import pytest

from mreg.cli.commands.topics import FILTERS, TOPICS
from mreg.cli.main import run


def test_help_explains_filters(capsys: pytest.CaptureFixture[str]) -> None:
    # when
    code = run(["help", "filters"])

    # then
    out, err = capsys.readouterr()
    assert (code, out, err) == (0, FILTERS, "")


def test_help_of_a_command_is_what_the_command_says_itself(capsys: pytest.CaptureFixture[str]) -> None:
    # given
    run(["alias", "set", "--help"])
    own = capsys.readouterr().out

    # when
    code = run(["help", "alias", "set"])

    # then
    out, err = capsys.readouterr()
    assert (code, out, err) == (0, own, "")


def test_help_of_what_is_no_command_tells_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["help", "serach"])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err == "error: there is no command 'serach'\nhint: did you mean `search`?\n"


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_fits_a_terminal_of_80_columns(topic: str) -> None:
    too_long = [line for line in TOPICS[topic].splitlines() if len(line) > 80]

    assert too_long == []
