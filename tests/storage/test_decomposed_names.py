"""A file system that keeps names in NFD keeps the contract of every store."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from mreg.storage import Storage
from mreg.storage.local import LocalStorage
from mreg.testing.names import DecomposedNames
from mreg.testing.storage_contract import StorageContract


class TestDecomposedNames(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return DecomposedNames(tmp_path / "store", durable=False)


@pytest.mark.parametrize("kind", [LocalStorage, DecomposedNames])
def test_listings_are_in_nfc_whatever_the_file_system_keeps(tmp_path: Path, kind: type[LocalStorage]) -> None:
    storage = kind(tmp_path, durable=False)
    keys = ["aliases/campeón/größte", "artifacts/producción/v0", "artifacts/한국어/v0", "artifacts/最良/v0"]

    for key in keys:
        storage.put(key, b"x")

    assert list(storage.list("")) == sorted(keys)
    assert list(storage.list("artifacts/producción")) == ["artifacts/producción/v0"]
    assert list(storage.names("artifacts")) == ["producción", "最良", "한국어"]


def test_names_on_disk_can_be_read(tmp_path: Path) -> None:
    LocalStorage(tmp_path, durable=False).put("aliases/producción/最良", b"x")

    assert os.listdir(os.fsencode(tmp_path / "aliases")) == ["producción".encode()]
    assert unicodedata.is_normalized("NFC", os.listdir(tmp_path / "aliases")[0])
    assert os.listdir(tmp_path / "aliases" / "producción") == ["最良"]
