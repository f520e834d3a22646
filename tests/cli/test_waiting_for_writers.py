"""Whatever keeps other writers out waits for them as the setting `lock.timeout` says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mreg.storage.local import LocalStorage

SECONDS = 420.0


@pytest.mark.parametrize("line", ["config set core.shared group", "fsck --repair", "alias set best digits:v0"])
def test_a_command_waits_for_other_writers_as_the_setting_says(
    filled: Any, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    # given
    filled.must("config", "set", "lock.timeout", "7m")
    (filled.home / ".mreg" / "aliases" / "digits" / "best").write_text("nonsense\n")
    asked: list[float] = []
    within: list[float] = []
    lock = LocalStorage.lock

    @contextmanager
    def asking(self: LocalStorage, timeout: float = 30.0) -> Iterator[None]:
        if not within:  # whoever has the lock does not wait for it
            asked.append(timeout)
        with lock(self, timeout):
            within.append(timeout)
            yield
            within.pop()

    monkeypatch.setattr(LocalStorage, "lock", asking)

    # when
    filled(*line.split())

    # then
    assert set(asked) - {0.0} == {SECONDS}  # 0: what need not be done now
