"""What is made of the answers to a create, one try at a time."""

from __future__ import annotations

import pytest

from mreg.storage.answers import NoAnswer
from mreg.storage.unsure import TRIES, Answer, UnsureWrite, create
from mreg.values.errors import MregError

BROKEN = NoAnswer(bucket="s3://b", reason="it broke")
CREATED, TAKEN, OPEN = Answer.CREATED, Answer.TAKEN, Answer.OPEN


class Script:
    """A store that gives these answers, and has these values when it is looked at."""

    def __init__(self, answers: list[Answer], values: list[bytes | MregError | None]) -> None:
        self.answers, self.values, self.pauses = list(answers), list(values), []

    def attempt(self) -> tuple[Answer, MregError | None]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer, BROKEN if answer is OPEN else None

    def read_back(self) -> bytes | None:
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, MregError):
            raise value
        return value

    def run(self) -> bool:
        self.pauses: list[float] = []
        return create("k", b"ours", self.attempt, self.read_back, self.pauses.append)


@pytest.mark.parametrize(
    ("answers", "values", "won"),
    [
        ([CREATED], [None], True),
        ([TAKEN], [b"theirs"], False),
        ([TAKEN], [b"ours"], False),  # from before: no try of this one can have made it
        ([OPEN], [b"ours"], True),
        ([OPEN], [b"theirs"], False),
        ([OPEN, TAKEN], [None, b"ours"], True),
        ([OPEN, TAKEN], [None, b"theirs"], False),
        ([TAKEN, CREATED], [None], True),  # 409: two tries met, and nothing was done
        ([TAKEN, TAKEN], [None, b"theirs"], False),
        ([OPEN, OPEN, CREATED], [None], True),
    ],
)
def test_answers_and_what_is_there_tell_the_outcome(
    answers: list[Answer], values: list[bytes | MregError | None], won: bool
) -> None:
    assert Script(answers, values).run() is won


def test_pauses_grow_and_are_bounded() -> None:
    script = Script([OPEN], [None])

    with pytest.raises(UnsureWrite, match="it broke"):
        script.run()

    assert len(script.pauses) == TRIES - 1
    assert script.pauses[0] <= 0.05 and 0.5 <= script.pauses[-1] <= 1
    assert sum(script.pauses) < 6


def test_what_is_refused_for_ever_and_never_there_is_lost() -> None:
    assert Script([TAKEN], [None]).run() is False


def test_a_failing_look_leaves_it_open_only_if_something_may_have_been_written() -> None:
    with pytest.raises(UnsureWrite):
        Script([OPEN], [BROKEN]).run()
    with pytest.raises(NoAnswer):
        Script([TAKEN], [BROKEN]).run()
