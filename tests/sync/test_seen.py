"""What was seen of the aliases of two repositories is kept in the cache, where anything may lie."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mreg.refs.keys import AliasKey
from mreg.sync.seen import Seen

HERE: Any = SimpleNamespace(origin="a")
THERE: Any = SimpleNamespace(origin="b")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"a": 7}', '{"a": {"m": {"best": 3}}}', "\0", "[" * 100_000, None], ids=range(9)
)
def test_what_is_not_understood_was_not_seen(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "seen").mkdir()
    file = tmp_path / "seen" / "a-b.json"
    if text is None:
        os.mkfifo(file)
    else:
        file.write_text(text)

    seen = Seen(HERE, THERE, str(tmp_path))

    assert not seen.is_unmoved(HERE, AliasKey("m", "best"), 3)
