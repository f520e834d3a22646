"""What is not a text where a text is wanted, as only Python programs can pass it, is refused before anything is
written: what was written could not be read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.expect import InvalidExpectation
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import NotText

NO_TEXT: Any = 3
CALLS: dict[str, Callable[[Repository, str], object]] = {
    "log, message": lambda repo, path: repo.log(path, "a", message=NO_TEXT),
    "log, the same content": lambda repo, path: repo.log(path, "digits", message=NO_TEXT),
    "log, type": lambda repo, path: repo.log(path, "new", type=NO_TEXT),
    "log, run": lambda repo, path: repo.log(path, "a", run=NO_TEXT),
    "log, alias": lambda repo, path: repo.log(path, "a", aliases=[NO_TEXT]),
    "log, link": lambda repo, path: repo.log(path, "a", links=[NO_TEXT]),
    "log, input": lambda repo, path: repo.log(path, "a", inputs=[NO_TEXT]),
    "annotate, message": lambda repo, _: repo.annotate("digits:v0", message=NO_TEXT),
    "artifact, type": lambda repo, _: repo.create_artifact("new", type=NO_TEXT),
    "artifact, description": lambda repo, _: repo.create_artifact("new", description=NO_TEXT),
    "model, description": lambda repo, _: repo.create_model("new", description=NO_TEXT),
    "model, type": lambda repo, _: repo.create_model("new", type=NO_TEXT),
    "model, tag": lambda repo, _: repo.create_model("new", tags=[NO_TEXT]),
    "describe": lambda repo, _: repo.describe("digits", NO_TEXT),
    "reason": lambda repo, _: repo.set_alias("best", "digits:v0", message=NO_TEXT),
    "reference": lambda repo, _: repo.resolve(NO_TEXT),
    "property": lambda repo, _: repo.set_property("digits", NO_TEXT, 1),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_a_text_is_refused(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], call: str, content: Callable[..., Any]
) -> None:
    # given
    path = folder({"w": b"1"})
    repo.log(path, "digits")
    before = content(storage)

    # when
    with pytest.raises(NotText, match="must be a string, not int"):
        CALLS[call](repo, path)

    # then
    assert content(storage) == before
    assert repo.fsck().findings == ()


@pytest.mark.parametrize("expect", [7, True, b"v7", ["v1", 7], {"best": 7}, object()])
def test_an_expectation_that_is_not_a_text_is_refused(
    repo: Repository, folder: Callable[..., str], expect: Any
) -> None:
    repo.log(folder({"w": b"1"}), "digits", aliases=["best"])

    with pytest.raises(InvalidExpectation):
        repo.set_alias("best", "digits:v0", expect=expect)
