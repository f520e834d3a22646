"""Short files are read, looked up, encoded and written many at a time: nothing of that may show but the time."""

from __future__ import annotations

import errno
import os
import random
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.checkout import new_folder as tree_module
from mreg.checkout.reader import DamagedFile
from mreg.content import codecs
from mreg.intake.pipeline import AT_ONCE
from mreg.repository import Repository
from mreg.session.statcache import FINE_SECONDS
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest

RANDOM = random.Random(7)


def noise(count: int, size: int = codecs.SHORT) -> dict[str, bytes]:
    return {f"{number % 7}/{number}": RANDOM.randbytes(size) for number in range(count)}


def text(count: int) -> dict[str, bytes]:
    return {f"t{number}.json": (f'{{"number": {number}}}\n' * 100).encode()[:2000] for number in range(count)}


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE])
def test_all_come_back(
    count: int, repo: Repository, folder: Callable[..., str], tmp_path: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    files = noise(count) | {
        "empty": b"",
        "just short": b"s" * codecs.SHORT,
        "long": RANDOM.randbytes(codecs.SHORT + 1),
        "a twin": b"s" * codecs.SHORT,
    }
    logged = repo.log(folder(files), "many")

    got = repo.get("many", tmp_path / "out")

    assert tree(str(tmp_path / "out")) == files
    assert got.written == len(files)
    assert {file.path: file.digest for file in repo.files("many")} == {p: digest(data) for p, data in files.items()}
    assert logged.new == sum(map(len, set(files.values())))


@pytest.mark.parametrize(
    ("files", "most"),
    [
        (text(1), 0.2),
        (text(AT_ONCE), 0.2),
        (noise(AT_ONCE) | text(AT_ONCE), 0.9),
        (noise(AT_ONCE - 1) | text(1), 1.0),
        ({f"{n}": RANDOM.randbytes(64) * 64 for n in range(AT_ONCE)}, 0.1),
        ({f"{n}": RANDOM.randbytes(2048) * 2 for n in range(AT_ONCE)}, 0.6),
    ],
    ids=["one", "many", "among as many that are noise", "one among many", "noise, often", "noise, twice"],
)
def test_what_repeats_is_made_smaller(
    files: dict[str, bytes], most: float, repo: Repository, folder: Callable[..., str]
) -> None:
    result = repo.log(folder(files), "many")

    assert result.stored < most * result.new


def test_noise_is_stored_as_it_is(repo: Repository, folder: Callable[..., str]) -> None:
    result = repo.log(folder(noise(2 * AT_ONCE)), "many")

    assert result.stored == result.new


def test_modes_are_exact_whatever_the_umask(repo: Repository, folder: Callable[..., str], tmp_path: Path) -> None:
    source = Path(folder({"a": b"1", "b": b"2", "long": b"3" * 40_000}))
    os.chmod(source / "b", 0o755)
    repo.log(source, "many")
    before = os.umask(0o077)
    try:
        got = Path(repo.get("many", tmp_path / "out").path)
        used = Path(repo.use("many"))
    finally:
        os.umask(before)

    def modes(at: Path) -> list[int]:
        return [stat.S_IMODE((at / name).stat().st_mode) for name in ("a", "b", "long")]

    assert modes(got) == [0o600, 0o700, 0o600]
    assert modes(used) == [0o444, 0o555, 0o444]


def test_a_damaged_one_is_named_and_nothing_is_left(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], tmp_path: Path
) -> None:
    files = noise(AT_ONCE + 5)
    repo.log(folder(files), "many")
    (pack,) = storage.list("packs")
    value = storage.get(pack)
    assert value
    at = value.data.index(files["3/3"])
    storage.put(pack, value.data[:at] + bytes([value.data[at] ^ 1]) + value.data[at + 1 :])

    with pytest.raises(DamagedFile, match="3/3"):
        repo.get("many", tmp_path / "out")

    assert not (tmp_path / "out").exists()
    partial = repo.get("many", tmp_path / "out", partial=True)
    assert partial.damaged == ("3/3",)
    assert not (tmp_path / "out" / "3" / "3").exists()
    assert (tmp_path / "out" / "4" / "4").read_bytes() == files["4/4"]


def test_a_short_write_is_gone_on_with(
    repo: Repository,
    folder: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = noise(20)
    repo.log(folder(files), "many")

    class Stingy:
        """`os`, whose `write` takes little at a time."""

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def write(self, descriptor: int, data: Any) -> int:
            return os.write(descriptor, memoryview(data)[:1000])

    monkeypatch.setattr(tree_module, "os", Stingy())
    repo.get("many", tmp_path / "out")

    assert all((tmp_path / "out" / path).read_bytes() == data for path, data in files.items())


def test_a_short_file_is_read_as_it_was_stored_and_not_as_an_older_recipe_says(
    repo: Repository, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gc may have left the recipe, and taken chunks that it names."""
    tensor, other = RANDOM.randbytes(2048), RANDOM.randbytes(2048)
    header = b'{"a":{"dtype":"U8","shape":[2048],"data_offsets":[0,2048]}}'.ljust(1500)
    file = len(header).to_bytes(8, "little") + header + tensor
    source = folder({"file": file, "other": other})
    with monkeypatch.context() as older:
        older.setattr(codecs, "SHORT", 0)  # a release that cuts short files as well
        repo.log(folder({"tensor": tensor}), "tensor")
        repo.log(source, "net")
        repo.log(Path(source) / "other", "other")
    repo.remove("tensor:v0")
    repo.remove("net:v0")
    assert repo.gc(grace=0).packs == 1
    time.sleep(2 * FINE_SECONDS)

    repo.log(source, "again")

    assert b"".join(repo.read("again", "file")) == file
    assert repo.fsck(full=True).findings == ()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no syncfs here")
def test_what_goes_wrong_with_the_first_flush_is_told(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel tells a failed write to the first who flushes, and to nobody else."""
    repo.log(folder(noise(60, 100)), "many")
    monkeypatch.setattr(tree_module, "WORTH_A_FLUSH", 40)
    asked = []

    def fail(path: str) -> bool:
        asked.append(path)
        raise OSError(errno.EIO, "the disk is gone", path)

    monkeypatch.setattr(tree_module, "flush_file_system", fail)

    with pytest.raises(OSError, match="the disk is gone"):
        repo.get("many", tmp_path / "out")
    assert len(asked) == 1
    assert not (tmp_path / "out").exists()
