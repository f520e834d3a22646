"""A version is linked once, and only what exists is linked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.repository import Repository
from mreg.values.errors import MregError


def test_a_link_is_made_once_for_a_version(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    first = repo.link("mnist:v0", "Digits")

    again = repo.link("mnist", "Digits", aliases=["champion"])

    assert (first.created, again.created) == (True, False)
    assert again.link.number == first.link.number
    assert repo.resolve("Digits:champion").name == "mnist:v0"


@pytest.mark.parametrize("reference", ["mnist:v7", "mnist:nobody", "mnist:@00000000", "nothing", "other/mnist"])
def test_what_does_not_exist_is_not_linked_nor_aliased(
    repo: Repository, log: Callable[..., Any], reference: str
) -> None:
    log("mnist", "0")
    before = repo.history()

    for refused in (
        lambda: repo.link(reference, "Digits"),
        lambda: repo.set_alias("best", reference),
        lambda: log("letters", "1", inputs=[reference]),
        lambda: repo.annotate(reference, message="m"),
        lambda: repo.remove(reference),
    ):
        with pytest.raises(MregError):
            refused()

    assert repo.history() == before
