"""Many values that are replaced at once: the old ones are freed beside."""

from __future__ import annotations

import os
from pathlib import Path

from mreg.storage import ABSENT, Put, replaced
from mreg.storage.local import LocalStorage


def test_many_values_are_replaced_and_no_file_stays_open(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    keys = [f"aliases/m/a{n}" for n in range(300)]
    storage.put_many([Put(key, b"old", ABSENT) for key in keys])
    before = len(os.listdir("/dev/fd"))

    storage.put_many([Put(key, b"new", storage.get(key).etag) for key in keys])  # type: ignore[union-attr]

    assert {storage.get(key).data for key in keys} == {b"new"}  # type: ignore[union-attr]
    assert len(os.listdir("/dev/fd")) == before
    assert not os.listdir(tmp_path / "tmp")


def test_what_cannot_be_opened_is_no_reason_not_to_replace_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")

    with replaced.Replaced() as held:
        held.hold(str(tmp_path / "missing"))
        held.hold(str(tmp_path / "link"))

    assert held._held == []
