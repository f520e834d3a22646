"""Tensors are stored as differences to those of an earlier version; what goes wrong with that costs space only."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mreg.cli.main import run
from mreg.content import packs
from mreg.content.codecs import DELTA, PLANES, RAW
from mreg.content.packs import ChunkEntry
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest
from mreg.values.errors import Damaged, NotFound

Tensors = dict[str, np.ndarray]
COUNT = 20_000  # elements: 80 KB


@pytest.fixture(params=["memory", "local"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else LocalStorage(str(tmp_path / ".mreg"))


def drawn(seed: int, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, count).astype("<f4")


def moved(tensor: np.ndarray, step: int = 1) -> np.ndarray:
    """After a step of training."""
    return (tensor + np.random.default_rng(1000 + step).normal(0, 1e-4, tensor.shape)).astype("<f4")


def safetensors(tensors: Tensors) -> bytes:
    header, body = {}, b""
    for name, tensor in tensors.items():
        dtype = {"<f4": "F32", "<i4": "I32", "<f2": "F16", "<u2": "BF16"}[tensor.dtype.str]
        data = tensor.tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entries_of(storage: Storage, data: bytes) -> list[ChunkEntry]:
    """All copies of a chunk, the one with the lowest position first."""
    name = bytes.fromhex(digest(data))
    indexes = [packs.read_index(storage, pack) for pack in packs.pack_names(storage)]
    found = [entry for index in indexes for entry in index.chunks if entry.digest == name]
    return sorted(found, key=lambda entry: entry.position)


def entry_of(storage: Storage, tensor: np.ndarray) -> ChunkEntry:
    (entry,) = entries_of(storage, tensor.tobytes())
    return entry


def text_of(repo: Repository, reference: str, path: str) -> bytes:
    return b"".join(repo.read(reference, path))


class Logger:
    """Logs tensors, and remembers what has to be read."""

    def __init__(self, repo: Repository, folder: Callable[..., str]) -> None:
        self.repo = repo
        self._folder = folder
        self.expected: dict[str, dict[str, bytes]] = {}

    def __call__(self, artifact: str, files: dict[str, Tensors], base: str | None = None) -> str:
        data = {path: safetensors(tensors) for path, tensors in files.items()}
        name = self.repo.log(self._folder(data), artifact, base=base).version.name
        self.expected[name] = data
        return name

    def check(self, target: Path) -> None:
        """All is read as it was logged, in every way that there is, and fsck has nothing to say."""
        for name, files in self.expected.items():
            copies = [self.repo.get(name, target / name.replace(":", "-")).path, self.repo.use(name)]
            for path, data in files.items():
                assert text_of(self.repo, name, path) == data
                assert [Path(copy, path).read_bytes() for copy in copies] == [data, data]
        assert self.repo.fsck(full=True).findings == ()


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Logger:
    return Logger(repo, folder)


# What is found.


def test_a_step_of_training_is_stored_as_differences(storage: Storage, log: Logger, tmp_path: Path) -> None:
    before = {"a": drawn(1), "b": drawn(2), "frozen": drawn(3)}
    after = {"a": moved(before["a"]), "b": drawn(4), "frozen": before["frozen"]}
    log("net", {"m.safetensors": before})
    log("net", {"m.safetensors": after})

    first, second = entry_of(storage, before["a"]), entry_of(storage, after["a"])
    assert (first.codec, first.position, first.base) == (PLANES, 0, None)
    assert (second.codec, second.position, second.base) == (DELTA, 1, first.digest)
    assert second.stored < 0.9 * first.stored
    assert entry_of(storage, after["b"]).codec == PLANES  # drawn anew: by itself
    assert entry_of(storage, after["frozen"]).position == 0  # the same: not stored again
    log.check(tmp_path)


def test_a_long_tensor_is_compared_piece_by_piece(storage: Storage, log: Logger, tmp_path: Path) -> None:
    before = drawn(1, (1 << 18) + (1 << 16) + 77)  # 1 MiB and a quarter, and something
    after = moved(before)
    after[: 1 << 18] = before[: 1 << 18]
    log("net", {"m.safetensors": {"a": before}})
    log("net", {"m.safetensors": {"a": after}})

    assert entry_of(storage, after[: 1 << 18]).position == 0
    tail = entry_of(storage, after[1 << 18 :])
    assert (tail.codec, tail.base) == (DELTA, entry_of(storage, before[1 << 18 :]).digest)
    log.check(tmp_path)


def test_no_chain_is_long_however_many_versions_there_are(storage: Storage, log: Logger, tmp_path: Path) -> None:
    tensors = [drawn(1)]
    for step in range(1, 70):
        tensors.append(moved(tensors[-1], step))
    for tensor in tensors:
        log("net", {"m.safetensors": {"a": tensor}})

    entries = [entry_of(storage, tensor) for tensor in tensors]
    by_digest = {entry.digest: entry for entry in entries}
    assert [entry.position for entry in entries] == [*range(64), *range(6)]
    for number, entry in enumerate(entries):
        if entry.base is None:
            assert entry.position == 0
            continue
        base = by_digest[entry.base]
        assert base.position == entry.position & (entry.position - 1)
        assert (base in entries[:64]) == (number < 64)  # a new start owes nothing to what was before
        links = 0
        while entry.base:
            entry, links = by_digest[entry.base], links + 1
        assert links <= 6
    for number, (name, files) in enumerate(log.expected.items()):
        assert text_of(log.repo, name, "m.safetensors") == files["m.safetensors"], number
    assert log.repo.fsck(full=True).findings == ()


@pytest.mark.parametrize("change", ["renamed", "put together", "taken apart", "another order"])
def test_a_tensor_that_went_to_another_file_finds_its_base(storage: Storage, log: Logger, change: str) -> None:
    a, b = drawn(1), drawn(2)
    near_a, near_b = moved(a), moved(b)
    old, new = {
        "renamed": (
            {"epoch-1.safetensors": {"a": a, "b": b}},
            {"epoch-2.safetensors": {"a": near_a, "b": near_b}},
        ),
        "put together": (
            {"1-of-2.safetensors": {"a": a}, "2-of-2.safetensors": {"b": b}},
            {"model.safetensors": {"a": near_a, "b": near_b}},
        ),
        "taken apart": (
            {"model.safetensors": {"a": a, "b": b}},
            {"1-of-2.safetensors": {"a": near_a}, "2-of-2.safetensors": {"b": near_b}},
        ),
        "another order": (
            {"1-of-2.safetensors": {"a": a}, "2-of-2.safetensors": {"b": b}},
            {"1-of-2.safetensors": {"b": near_b}, "2-of-2.safetensors": {"a": near_a}},
        ),
    }[change]
    log("net", old)
    log("net", new)

    for before, after in ((a, near_a), (b, near_b)):
        assert entry_of(storage, after).base == entry_of(storage, before).digest
    assert text_of(log.repo, "net:v1", next(iter(new))) == safetensors(next(iter(new.values())))


def test_a_tensor_that_grew_in_front_of_others_leaves_their_bases_alone(storage: Storage, log: Logger) -> None:
    a = drawn(1)
    log("net", {"m.safetensors": {"a": a}})
    log("net", {"m.safetensors": {"new": drawn(9, 333), "a": moved(a)}})

    assert entry_of(storage, moved(a)).base == entry_of(storage, a).digest


@pytest.mark.parametrize("change", ["dtype", "shape", "length", "name", "artifact"])
def test_a_tensor_that_is_not_the_same_any_more_has_no_base(storage: Storage, log: Logger, change: str) -> None:
    a = drawn(1)
    near = moved(a)
    after = {
        "dtype": {"a": near.view("<i4")},
        "shape": {"a": near.reshape(2, -1)},
        "length": {"a": near[:-1]},
        "name": {"b": near},
        "artifact": {"a": near},
    }[change]
    log("net", {"m.safetensors": {"a": a}})
    log("other" if change == "artifact" else "net", {"m.safetensors": after})

    (tensor,) = after.values()
    assert (entry_of(storage, tensor).base, entry_of(storage, tensor).position) == (None, 0)


# The base that is asked for.


def test_the_base_that_was_asked_for_is_taken(storage: Storage, log: Logger, tmp_path: Path) -> None:
    a, far = drawn(1), drawn(2)
    log("teacher", {"t.safetensors": {"a": a}})
    log("net", {"m.safetensors": {"a": far}})
    log("net", {"m.safetensors": {"a": moved(a)}}, base="teacher:v0")

    assert entry_of(storage, moved(a)).base == entry_of(storage, a).digest
    log.check(tmp_path)


@pytest.mark.parametrize("reference", ["nobody", "net:v7", "net:best"])
def test_an_unknown_base_is_not_found_and_nothing_is_logged(
    repo: Repository, log: Logger, folder: Callable[..., str], reference: str
) -> None:
    log("net", {"m.safetensors": {"a": drawn(1)}})
    history = len(repo.history())

    with pytest.raises(NotFound):
        repo.log(folder({"a": b"x"}), "net", base=reference)

    assert len(repo.history()) == history


def test_the_command_line_takes_a_base_and_ends_with_3_where_it_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a = drawn(1)
    Path("a.safetensors").write_bytes(safetensors({"a": a}))
    Path("b.safetensors").write_bytes(safetensors({"a": moved(a)}))

    codes = [
        run(command.split())
        for command in (
            "init",
            "log a.safetensors --artifact teacher",
            "log b.safetensors --artifact net --base teachr:v0",
            "log b.safetensors --artifact net --base teacher:v0",
        )
    ]

    assert codes == [0, 0, 3, 0]
    storage = LocalStorage(str(tmp_path / ".mreg"))
    assert entry_of(storage, moved(a)).base == entry_of(storage, a).digest
    with Repository.open(tmp_path, cache=str(tmp_path / "cache")) as repo:
        assert [version.name for version in repo.versions("net")] == ["net:v0"]


# What goes wrong costs space only.


def spoil(storage: Storage, entry: ChunkEntry) -> None:
    """Flip a bit in the middle of a stored chunk."""
    for pack in packs.pack_names(storage):
        if entry in packs.read_index(storage, pack).chunks:
            value = storage.get(packs.key_of(pack))
            assert value is not None
            data = bytearray(value.data)
            data[entry.offset + entry.stored // 2] ^= 1
            storage.delete(packs.key_of(pack))
            storage.put(packs.key_of(pack), bytes(data))


def test_a_damaged_base_is_none(storage: Storage, log: Logger) -> None:
    a, b = drawn(1), drawn(2)
    log("net", {"m.safetensors": {"a": a, "b": b}})
    spoil(storage, entry_of(storage, a))

    log("net", {"m.safetensors": {"a": moved(a), "b": moved(b)}})

    assert (entry_of(storage, moved(a)).codec, entry_of(storage, moved(a)).base) == (PLANES, None)
    assert entry_of(storage, moved(b)).codec == DELTA
    assert text_of(log.repo, "net:v1", "m.safetensors") == log.expected["net:v1"]["m.safetensors"]
    with pytest.raises(Damaged):
        text_of(log.repo, "net:v0", "m.safetensors")


def test_a_damaged_chunk_between_makes_a_new_start(storage: Storage, log: Logger) -> None:
    """v2 rests on v1, which rests on v0: with v0 damaged neither can be one."""
    tensors = [drawn(1)]
    for step in range(1, 4):
        tensors.append(moved(tensors[-1], step))
    for tensor in tensors[:3]:
        log("net", {"m.safetensors": {"a": tensor}})
    spoil(storage, entry_of(storage, tensors[0]))

    log("net", {"m.safetensors": {"a": tensors[3]}})

    assert entry_of(storage, tensors[3]).base is None
    assert text_of(log.repo, "net:v3", "m.safetensors") == log.expected["net:v3"]["m.safetensors"]


def test_a_damaged_header_of_the_last_version_is_no_hindrance(storage: Storage, log: Logger) -> None:
    a = drawn(1)
    log("net", {"m.safetensors": {"a": a}})
    data = log.expected["net:v0"]["m.safetensors"]
    (header,) = entries_of(storage, data[: -len(a.tobytes())])
    spoil(storage, header)

    log("net", {"m.safetensors": {"new": drawn(3, 500), "a": moved(a)}})

    assert entry_of(storage, moved(a)).base is None
    assert text_of(log.repo, "net:v1", "m.safetensors") == log.expected["net:v1"]["m.safetensors"]


def test_the_manifest_of_the_last_version_may_be_damaged_unless_it_was_asked_for(
    storage: Storage, repo: Repository, log: Logger, folder: Callable[..., str]
) -> None:
    log("net", {"m.safetensors": {"a": drawn(1)}})
    log("net", {"m.safetensors": {"a": drawn(2)}})
    name = repo.version("net:v0").manifest
    storage.delete(f"objects/{name[:2]}/{name[2:]}")

    with pytest.raises(Damaged):
        repo.log(folder({"m.safetensors": safetensors({"a": drawn(3)})}), "net", base="net:v0")

    assert [version.name for version in repo.versions("net")] == ["net:v0", "net:v1"]


class BadDisk(MemoryStorage):
    """A disk that cannot read what lies in some packs."""

    unreadable: frozenset[str] = frozenset()

    def read(self, key: str, start: int, length: int) -> bytes:
        if key in self.unreadable:
            raise OSError(errno.EIO, "Input/output error", key)
        return super().read(key, start, length)


@pytest.mark.parametrize("map_is_readable", [False, True])
def test_a_base_that_the_disk_cannot_read_is_none(folder: Callable[..., str], map_is_readable: bool) -> None:
    storage = BadDisk()
    with Repository.init_storage(storage, "bad", author="ann") as repo:
        log = Logger(repo, folder)
        a = drawn(1)
        log("net", {"m.safetensors": {"a": a}})
        unreadable = frozenset(map(packs.key_of, packs.pack_names(storage)))
        if map_is_readable:  # the header of the last version is in a pack of its own then
            log("net", {"m.safetensors": {"a": a, "b": drawn(2)}})
        storage.unreadable = unreadable

        name = log("net", {"m.safetensors": {"a": moved(a)}})

        storage.unreadable = frozenset()
        assert entry_of(storage, moved(a)).base is None
        assert text_of(repo, name, "m.safetensors") == log.expected[name]["m.safetensors"]


# What rests on a version that is deleted.


def test_versions_outlive_the_ones_they_rest_on(storage: Storage, log: Logger, tmp_path: Path) -> None:
    tensors = [drawn(1)]
    for step in range(1, 6):
        tensors.append(moved(tensors[-1], step))
    for tensor in tensors:
        log("net", {"m.safetensors": {"a": tensor, "alone": drawn(int(tensor.view("<u4")[0]))}})

    for number in (0, 1, 2, 4):
        log.repo.remove(f"net:v{number}")
        del log.expected[f"net:v{number}"]
        log.repo.gc(grace=0)

        assert log.repo.fsck(full=True).findings == ()
    log.check(tmp_path)
    kept = {
        entry.digest.hex() for pack in packs.pack_names(storage) for entry in packs.read_index(storage, pack).chunks
    }
    assert digest(tensors[0].tobytes()) in kept  # v3 and v5 rest on it
    assert digest(tensors[1].tobytes()) not in kept  # nothing does

    for number in (3, 5):
        log.repo.remove(f"net:v{number}")
    log.repo.gc(grace=0)

    assert list(packs.pack_names(storage)) == []


def test_a_version_may_be_logged_again_after_it_was_taken(storage: Storage, log: Logger, tmp_path: Path) -> None:
    a = drawn(1)
    for tensor in (a, moved(a), moved(a, 2)):
        log("net", {"m.safetensors": {"a": tensor}})
    log.repo.remove("net:v1")
    del log.expected["net:v1"]
    log.repo.gc(grace=0)

    log("net", {"m.safetensors": {"a": moved(a)}})

    assert entry_of(storage, moved(a)).position <= 63
    log.check(tmp_path)


# Several who log.


def test_two_artifacts_log_the_same_bytes_with_different_bases(
    storage: Storage,
    reopen: Callable[[Storage], Repository],
    folder: Callable[..., str],
    repo: Repository,
    tmp_path: Path,
) -> None:
    """Both at once, so that neither knows of the other's chunk: what is read does not depend on whose is found."""
    target = drawn(1)
    near, nearer = moved(target, 1), moved(target, 2)
    log = Logger(repo, folder)
    log("one", {"m.safetensors": {"a": near}})
    log("two", {"m.safetensors": {"a": nearer}})
    log("two", {"m.safetensors": {"a": moved(nearer, 3)}})
    source = folder({"m.safetensors": safetensors({"a": target})})
    other = reopen(storage)
    held: list[str] = []

    def interrupt(done: int, total: int) -> None:
        """While the first log is under way, the second one happens."""
        if not held:
            held.append(other.log(source, "two").version.name)

    log.expected[repo.log(source, "one", progress=interrupt).version.name] = log.expected["two:v2"] = {
        "m.safetensors": safetensors({"a": target})
    }

    copies = entries_of(storage, target.tobytes())
    assert held == ["two:v2"]
    assert [entry.position for entry in copies] == [1, 2]
    assert [entry.base for entry in copies] == [entry_of(storage, near).digest, entry_of(storage, nearer).digest]
    log.check(tmp_path)
    fresh = reopen(storage)
    assert text_of(fresh, "two:v2", "m.safetensors") == text_of(fresh, "one:v1", "m.safetensors")
    repo.remove("one:v0")
    repo.remove("one:v1")
    repo.gc(grace=0)
    assert text_of(reopen(storage), "two:v2", "m.safetensors") == safetensors({"a": target})
    assert repo.fsck(full=True).findings == ()


def test_threads_log_versions_that_rest_on_one_another(
    repo: Repository, folder: Callable[..., str], tmp_path: Path
) -> None:
    log = Logger(repo, folder)
    start = drawn(1)
    log("net", {"m.safetensors": {"a": start}})
    sources = [folder({"m.safetensors": safetensors({"a": moved(start, step)})}) for step in range(12)]

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda source: repo.log(source, "net").version.name, sources))

    assert sorted(made) == sorted(f"net:v{number}" for number in range(1, 13))
    for name, source in zip(made, sources, strict=True):
        log.expected[name] = {"m.safetensors": Path(source, "m.safetensors").read_bytes()}
    log.check(tmp_path)


# Settings, and other ways to look.


def test_with_compression_off_all_is_stored_as_it_is(storage: Storage, repo: Repository, log: Logger) -> None:
    a = drawn(1)
    log("net", {"m.safetensors": {"a": a}})
    repo.set_setting("log.compress", "false")
    log("net", {"m.safetensors": {"a": moved(a)}})
    repo.set_setting("log.compress", "true")
    log("net", {"m.safetensors": {"a": moved(a, 2)}})

    plain = entry_of(storage, moved(a))
    assert (plain.codec, plain.stored, plain.base) == (RAW, plain.size, None)
    assert entry_of(storage, moved(a, 2)).base == plain.digest  # it may be a base all the same
    assert repo.fsck(full=True).findings == ()


def test_a_dry_run_foretells_what_differences_take(
    storage: Storage, repo: Repository, folder: Callable[..., str]
) -> None:
    a = drawn(1)
    repo.log(folder({"m.safetensors": safetensors({"a": a})}), "net")
    source = folder({"m.safetensors": safetensors({"a": moved(a)})})

    foretold = repo.log(source, "net", dry_run=True)
    made = repo.log(source, "net")

    assert (foretold.new, foretold.stored) == (made.new, made.stored)
    assert made.stored < 0.9 * a.nbytes


def test_cat_gives_a_file_of_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    a = drawn(1)
    os.mkdir("m")
    run(["init"])
    for tensor in (a, moved(a)):
        Path("m/a.safetensors").write_bytes(safetensors({"a": tensor}))
        assert run(["log", "m", "--artifact", "net"]) == 0
    capfdbinary.readouterr()

    assert run(["cat", "net:v1", "a.safetensors"]) == 0

    assert capfdbinary.readouterr().out == safetensors({"a": moved(a)})
