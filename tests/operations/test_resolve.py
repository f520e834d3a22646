"""What cannot be found is named together with the nearest names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.resolve import UnknownName, UnknownVersion
from mreg.repository import Repository
from mreg.values.errors import MregError


def test_unknown_versions_and_names_come_with_the_nearest(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", aliases=["production"])

    with pytest.raises(UnknownName) as unknown:
        repo.resolve("mnits")
    with pytest.raises(UnknownVersion):
        repo.resolve("mnist:v1")
    with pytest.raises(MregError) as alias:
        repo.resolve("mnist:produktion")

    assert unknown.value.near == ["mnist"]
    assert alias.value.near == ["production"]
