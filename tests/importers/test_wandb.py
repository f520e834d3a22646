"""W&B's offline runs, and artifacts that were downloaded."""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where `tools` is: test folders are no packages

import real_sources
import tools

from mreg.importers.faults import MalformedSource, NothingToImport, OutsideSource, PartialVersion, WrongBytes
from mreg.repository import Repository
from mreg.values.errors import UnreadableFile

HEADER = b":W&B\xe1\xbe\x00"


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def items(values: dict[str, Any]) -> bytes:
    """Updates of a configuration or summary; dots nest."""
    found = b""
    for key, value in values.items():
        keys = b"".join(field(2, part) for part in key.split(".")) if "." in key else field(1, key)
        found += field(1, keys + field(16, json.dumps(value)))
    return found


def log_of(records: list[bytes]) -> bytes:
    """In blocks of 32 KiB, as LevelDB has it."""
    found = bytearray(HEADER)
    for record in records:
        kinds = iter((2, 3))
        while True:
            rest = 32768 - len(found) % 32768
            if rest < 7:
                found += bytes(rest)
                continue
            part, record = record[: rest - 7], record[rest - 7 :]
            first = next(kinds, 3)
            kind = (1 if first == 2 else 4) if not record else first
            found += struct.pack("<IHB", zlib.crc32(part, zlib.crc32(bytes([kind]))), len(part), kind) + part
            if not record:
                break
    return bytes(found)


class Run:
    """An offline run. staging: where W&B has copies of what it logs."""

    def __init__(self, home: Path, id: str = "abc", at: int = 1_700_000_000) -> None:
        self.folder = home / "wandb" / f"offline-run-20240101_00000{id[-1]}-{id}".replace(f"0{id[-1]}-", "00-")
        self.staging = home / "staging"
        self.staging.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True)
        self.path = self.folder / f"run-{id}.wandb"
        run = field(1, id) + field(3, "project") + field(8, "first try") + field(10, "t") + field(17, field(1, at))
        self.records = [field(17, run + field(4, items({"_wandb": {}, "lr": 0.1, "opt": {"name": "adam"}})))]

    def entry(self, path: str, data: bytes, digest: str = "", place: str = "") -> bytes:
        digest = digest or base64.b64encode(md5(data).digest()).decode()
        copy = self.staging / f"tmp{md5(data + path.encode()).hexdigest()}"
        copy.write_bytes(data)
        return field(1, path) + field(2, digest) + field(4, len(data)) + field(6, place or str(copy))

    def log(self, entries: list[bytes], *aliases: str, name: str = "digits", digest: str = "", **more: Any) -> None:
        """Log an artifact."""
        manifest = more.get("manifest") or b"".join(field(4, entry) for entry in entries)
        said = field(4, more.get("type", "model")) + field(5, name) + field(7, "the model") + field(12, manifest)
        said += field(6, digest or md5(b"".join(entries)).hexdigest()) + field(8, json.dumps(more.get("metadata", {})))
        said += b"".join(field(11, alias) for alias in aliases) + field(19, "good one")
        said += field(20, more["algorithm"]) if "algorithm" in more else b""
        self.records.append(field(8, said))

    def summary(self, **values: Any) -> None:
        self.records.append(field(3, items({key.replace("__", "."): value for key, value in values.items()})))

    def end(self) -> Path:
        self.records.append(field(18, field(2, 1)))
        return self.write(log_of(self.records))

    def write(self, data: bytes) -> Path:
        self.path.write_bytes(data)
        return self.folder.parent


ONE_IN_XXH128 = "a" * 32


class Fake128:
    """In the place of `xxhash.xxh128`: knows one content."""

    def __init__(self) -> None:
        self.data = b""

    def update(self, data: bytes) -> None:
        self.data += data

    def hexdigest(self) -> str:
        return ONE_IN_XXH128 if self.data == b"one" else "b" * 32


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """W&B's folders are elsewhere."""
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "nothing"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "nothing"))
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    return Run(home)


def imported(repo: Repository, source: Path, home: Path, **options: Any) -> Any:
    return repo.import_from(source, data=[str(home / "staging")], **options)


def test_every_artifact_alias_tag_and_metric_arrives(repo: Repository, run: Run, home: Path, only_read: Any) -> None:
    # given
    for number in (1, 2):
        run.summary(
            acc=number / 10, loss=float("nan"), per__class=number, _runtime=3, _timestamp=1_700_000_005 + number
        )
        data = b"weights %d" % number
        metadata = {"epoch": number, "metrics": {"f1": 0.5}}
        run.log([run.entry("w.bin", data), run.entry("sub/c.json", b"{}")], "latest", f"v{number}", metadata=metadata)
    run.log([run.entry("w.bin", b"weights 1"), run.entry("sub/c.json", b"{}")], "latest", "best")
    run.records.append(field(25, field(3, "me/project/digits:v1")))
    run.log(
        [run.entry("x.csv", b"x"), field(1, "far.csv") + field(3, "https://x.org/y.csv")], name="data", type="dataset"
    )
    source = run.end()

    # when
    with only_read(home / "wandb"), only_read(home / "staging"):
        done = imported(repo, source, home)

    # then
    assert (done.system, done.notes) == ("wandb", ())
    assert done.added == ("digits:v0", "digits:v1", "data:v0")
    one, two = repo.versions("digits")
    assert {alias.alias: alias.number for alias in repo.aliases("digits")} == {"best": 0}, "the others are implied"
    assert (one.run, one.message, one.tags) == ("abc", "the model", ("good one",))
    assert two.metadata == {
        "epoch": 2,
        "metrics": {"acc": 0.2, "loss": "NaN", "per": {"class": 2}, "f1": 0.5},
        "params": {"lr": 0.1, "opt": {"name": "adam"}},
        "wandb": {"project": "project", "run": "first try", "tags": ["t"]},
    }
    assert two.origin and two.origin.time == "2023-11-14T22:13:27.000000Z"
    assert b"".join(repo.read("digits:v1", "w.bin")) == b"weights 2"
    assert repo.artifact("data").type == "dataset"
    assert [entry.reference for entry in repo.version("data:v0").inputs] == ["digits:v1"]
    assert [entry.name for entry in repo.version("data:v0").sources] == ["https://x.org/y.csv"]
    assert repo.fsck(full=True).findings == ()


def test_a_second_import_changes_nothing_and_one_after_a_run_adds_exactly_that(repo: Repository, home: Path) -> None:
    run = Run(home, "aaa")
    run.log([run.entry("w.bin", b"one")], "best")
    source = run.end()
    imported(repo, source, home)
    assert imported(repo, source, home).added == ()
    assert len(repo.history()) == 1

    later = Run(home, "bbb", at=1_700_000_100)
    later.log([later.entry("w.bin", b"two")], "best")
    later.end()

    assert imported(repo, source, home).added == ("digits:v1",)
    assert repo.resolve("digits:best").number == 1
    assert len(repo.history()) == 2


@pytest.mark.parametrize("below", ["", "run", "log", "project"])
def test_a_run_is_found_wherever_one_points(repo: Repository, run: Run, home: Path, below: str) -> None:
    run.log([run.entry("w.bin", b"one")])
    source = run.end()

    place = {"run": run.folder, "log": run.path, "project": home}.get(below, source)

    assert imported(repo, place, home).added == ("digits:v0",)


def test_records_that_span_blocks_are_whole(repo: Repository, run: Run, home: Path) -> None:
    run.summary(text="x" * 100_000)
    for number in range(40):
        run.summary(**{f"key{number}": "y" * (700 + number)})
    run.log([run.entry("w.bin", b"one")])

    imported(repo, run.end(), home)

    assert repo.version("digits:v0").metadata["metrics"]["text"] == "x" * 100_000


def test_a_run_that_was_killed_is_imported_as_far_as_it_came(repo: Repository, run: Run, home: Path) -> None:
    run.log([run.entry("w.bin", b"one")])
    data = log_of([*run.records, field(3, items({"acc": "x" * 100}))])

    done = imported(repo, run.write(data[:-20]), home)

    assert done.added == ("digits:v0",)
    assert done.notes == ("run 'abc' is unfinished: what it has logged so far is imported",)


def test_a_large_artifact_has_its_list_beside_the_log(repo: Repository, run: Run, home: Path) -> None:
    # given
    place = run.staging / "artifact_manifests" / "1.manifest_contents.jl.gz"
    place.parent.mkdir()
    (run.staging / "copy").write_bytes(b"one")
    row = {"path": "w.bin", "digest": base64.b64encode(md5(b"one").digest()).decode(), "size": 3}
    place.write_bytes(gzip.compress(json.dumps({**row, "local_path": str(run.staging / "copy")}).encode() + b"\n"))
    run.log([], manifest=field(5, str(place)), digest="d" * 32)
    source = run.end()

    # when
    done = imported(repo, source, home)

    # then
    assert done.added == ("digits:v0",)
    place.unlink()
    with pytest.raises(NothingToImport, match="list of files"):
        imported(repo, source, home)


def test_copies_that_were_moved_are_found_by_name_or_digest(repo: Repository, run: Run, home: Path) -> None:
    # given
    run.log([run.entry("a.bin", b"by name"), run.entry("b.bin", b"by digest")])
    source = run.end()
    moved = home / "moved" / "artifacts"
    digest = md5(b"by digest").hexdigest()
    (moved / "obj" / "md5" / digest[:2]).mkdir(parents=True)
    run.staging.rename(moved / "staging")
    next(path for path in (moved / "staging").iterdir() if path.read_bytes() == b"by digest").rename(
        moved / "obj" / "md5" / digest[:2] / digest[2:]
    )
    with pytest.raises(PartialVersion):
        repo.import_from(source)

    # when
    done = repo.import_from(source, data=[str(home / "moved")])

    # then
    assert done.added == ("digits:v0",)


def test_bytes_that_are_not_of_their_digest_are_refused(repo: Repository, run: Run, home: Path) -> None:
    run.log([run.entry("w.bin", b"one", digest=base64.b64encode(md5(b"two").digest()).decode())])

    with pytest.raises(WrongBytes, match=r"w\.bin"):
        imported(repo, run.end(), home)

    assert repo.history() == []


class TestOtherDigests:
    """XXH128, which the standard library does not have."""

    @pytest.fixture
    def logged(self, run: Run) -> Run:
        digest = base64.b64encode(bytes.fromhex(ONE_IN_XXH128)).decode()
        run.log([run.entry("w.bin", b"one", digest=digest)], algorithm="MANIFEST_XXH128")
        return run

    def test_without_the_package_it_is_told_that_nothing_was_compared(
        self, repo: Repository, logged: Run, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "xxhash", None)

        done = imported(repo, logged.end(), home)

        assert done.added == ("digits:v0",)
        assert [note for note in done.notes if "not verified" in note and "xxhash" in note] == list(done.notes)

    @pytest.mark.parametrize("data", [b"one", b"eno"])
    def test_with_it_they_are_compared(
        self, repo: Repository, logged: Run, home: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
    ) -> None:
        monkeypatch.setitem(sys.modules, "xxhash", SimpleNamespace(xxh128=Fake128))
        for copy in logged.staging.iterdir():
            copy.write_bytes(data)

        if data == b"one":
            assert imported(repo, logged.end(), home).notes == ()
        else:
            with pytest.raises(WrongBytes, match="xxh128"):
                imported(repo, logged.end(), home)


def test_what_is_not_chosen_does_not_matter(repo: Repository, run: Run, home: Path) -> None:
    run.log([run.entry("w.bin", b"bad", place="/etc/hostname")], name="bad")
    for copy in run.staging.iterdir():
        copy.unlink()
    run.log([run.entry("w.bin", b"good")], name="good")

    done = imported(repo, run.end(), home, only="good", partial=True)

    assert (done.added, done.notes) == (("good:v0",), ())


def test_a_place_elsewhere_is_not_read(repo: Repository, run: Run, home: Path) -> None:
    secret = home / "secret"
    secret.write_text("secret")
    run.log([run.entry("w.bin", b"secret", place=str(secret))])
    for copy in run.staging.iterdir():
        copy.unlink()

    with pytest.raises(PartialVersion):
        imported(repo, run.end(), home)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ".mreg/config.toml"])
def test_a_path_that_leads_elsewhere_is_refused(repo: Repository, run: Run, home: Path, path: str) -> None:
    run.log([run.entry(path, b"one")])

    with pytest.raises(MalformedSource):
        imported(repo, run.end(), home)

    assert repo.history() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b":W&C\xe1\xbe\x00",
        HEADER + struct.pack("<IHB", 1, 3, 1) + b"abc",
        HEADER + struct.pack("<IHB", 0, 65535, 1) + b"a" * 70_000,
        log_of([b"\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"]),
        log_of([b"\x42\x80"]),
        log_of([field(8, field(12, field(4, b"\x0a\xff")))]),
        log_of([field(8, 7)]),
        log_of([b"\x0b" + b"x" * 20]),
    ],
    ids=["empty", "magic", "checksum", "length", "huge", "cut", "inner", "number", "group"],
)
def test_a_log_that_is_not_understood_is_refused(repo: Repository, run: Run, home: Path, data: bytes) -> None:
    with pytest.raises(MalformedSource):
        imported(repo, run.write(data), home)


_MANY_PARTS = """
import resource, struct, sys, zlib
from mreg.importers.tree import Tree
from mreg.importers.wandb_log import records
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
data = bytearray(b":W&B" + struct.pack("<H", 0xBEE1) + bytes(1))
kind = 2
while len(data) < 1 << 20:
    room = 32768 - len(data) % 32768
    data += bytes(room) if room < 7 else struct.pack("<IHB", zlib.crc32(bytes([kind])), 0, kind)
    kind = 3
with open("run.wandb", "wb") as file:
    file.write(data)
assert list(records(Tree("."), "run.wandb")) == []
"""


def test_a_record_of_many_parts_takes_no_longer_than_one_of_few(tmp_path: Path) -> None:
    """The limit is that of the processor's time: what looks at all parts for each takes many minutes."""
    subprocess.run([sys.executable, "-c", _MANY_PARTS], cwd=tmp_path, check=True)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_log_that_is_no_file_is_refused(repo: Repository, tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "run.wandb")

    with pytest.raises((UnreadableFile, NothingToImport)):
        repo.import_from(tmp_path / "run.wandb", "wandb")


def test_a_log_that_is_not_understood_is_named_and_the_others_are_imported(
    repo: Repository, run: Run, home: Path
) -> None:
    # given
    run.log([run.entry("w.bin", b"one")])
    source = run.end()
    other = source / "offline-run-20260102_030405-abcd"
    other.mkdir()
    (other / "run-abcd.wandb").write_bytes(b"no log at all")

    # when
    done = imported(repo, source, home)

    # then
    assert done.added == ("digits:v0",)
    assert [note for note in done.notes if "run-abcd.wandb" in note and "not a W&B log" in note] == list(done.notes)


class TestDownloaded:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("digits:v3", "digits:v10", "data:v0"):
            (tmp_path / "artifacts" / name / "sub").mkdir(parents=True)
            (tmp_path / "artifacts" / name / "sub" / "w.bin").write_text(name)
        return tmp_path / "artifacts"

    @pytest.mark.parametrize("above", [False, True])
    def test_versions_keep_their_numbers(self, repo: Repository, folder: Path, only_read: Any, above: bool) -> None:
        with only_read(folder):
            done = repo.import_from(folder.parent if above else folder)

        assert done.added == ("data:v0", "digits:v3", "digits:v10")
        assert b"".join(repo.read("digits:v10", "sub/w.bin")) == b"digits:v10"
        assert repo.import_from(folder).added == ()

    def test_a_link_out_of_it_is_refused(self, repo: Repository, folder: Path) -> None:
        (folder / "data:v0" / "passwd").symlink_to("/etc/passwd")

        with pytest.raises(OutsideSource):
            repo.import_from(folder)

        assert repo.import_from(folder, only="digits").added == ("digits:v3", "digits:v10")


@tools.needs("wandb")
class TestRealTool:
    def test_what_it_logs_arrives(self, repo: Repository, tmp_path: Path) -> None:
        # given
        source = real_sources.wandb(tmp_path)

        # when
        done = repo.import_from(source.path, **source.options)

        # then
        assert (done.added, done.notes) == (("digits:v0", "digits:v1", "digits:v2"), ())
        versions = repo.versions("digits")
        assert [one.metadata["epoch"] for one in versions] == [0, 1, 2]
        assert [one.metadata["metrics"] for one in versions] == [{"acc": 0.0}, {"acc": 0.1}, {"acc": 0.2}]
        assert versions[0].metadata["params"] == {"lr": 0.1}
        assert (versions[0].tags, versions[0].message) == (("good",), "the model")
        assert {one.alias: one.number for one in repo.aliases("digits")} == {"best": 1}
        assert b"".join(repo.read("digits:v2", "w.bin")) == b"weights 2" * 1000
        assert repo.import_from(source.path, **source.options).added == ()
