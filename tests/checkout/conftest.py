"""Disks that can clone files, and one that cannot, as fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cloning
import pytest
from cloning import cloning_disk, plain_disk

__all__ = ["cloning_disk", "plain_disk"]


@pytest.fixture
def room_taken() -> Callable[[Path], int]:
    return cloning.room_taken
