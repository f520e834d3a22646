"""What tests of operations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.repository import Repository


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Callable[..., Any]:
    """Log one file with this text."""

    def log(artifact: str, text: str, **options: Any) -> Any:
        return repo.log(folder({"weights": text.encode()}), artifact, **options)

    return log
