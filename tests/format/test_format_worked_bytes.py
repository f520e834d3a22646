"""docs/format.md says what the code does: its worked bytes are a repository, its findings those of fsck."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest
from make_worked_bytes import COMMANDS, TITLE_2, blocks, make, make_2, model, part_2

from mreg.content import packs
from mreg.content.codecs import DELTA, PLANES, RAW, Encoded, decode
from mreg.content.objects import counting
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import Base
from mreg.operations.resolve import NotHere
from mreg.refs import dead, journal, ref_files
from mreg.refs.journal import Entry, Mark
from mreg.repository import Repository
from mreg.session import config
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage
from mreg.upkeep.fsck import fsck
from mreg.values import annotation
from mreg.values.canonical import Malformed
from mreg.values.digest import digest
from mreg.values.records import DataSource, Manifest, VersionRecord

ROOT = Path(__file__).parents[2]
FORMAT = (ROOT / "docs" / "format.md").read_text("utf-8")
CONFIG = "config.toml"
TABLE = "registered/Reader/links"
VERSIONS = ["artifacts/digits/v0", "artifacts/digits/v1"]
ANNOTATION = "artifacts/digits/v0.toml"
TOMBSTONE = "aliases/digits/best"


PART_1, _, PART_2 = FORMAT.partition(f"\n{TITLE_2}")
WORKED, CHANGED = blocks(PART_1), blocks(PART_2)
WORKED_2 = WORKED | CHANGED
REFS, REFS_2 = (
    [key for key in worked if not key.startswith(("objects/", "packs/", "journal/"))] for worked in (WORKED, WORKED_2)
)
ENTRIES, ENTRIES_2 = ([key for key in worked if key.startswith("journal/0")] for worked in (WORKED, WORKED_2))
PACKS = [key for key in WORKED if key.startswith("packs/")]


def stored(worked: dict[str, bytes]) -> MemoryStorage:
    storage = MemoryStorage()
    for key, data in worked.items():
        storage.put(key, data)
    return storage


@pytest.fixture
def storage() -> MemoryStorage:
    return stored(WORKED)


@pytest.fixture
def repo(storage: MemoryStorage) -> Repository:
    return Repository(Context(storage, "worked", author="test"))


def test_the_worked_bytes_are_a_sound_repository(storage: MemoryStorage) -> None:
    report = fsck(Context(storage, "worked"), full=True)

    assert report.findings == ()
    assert (report.entries, report.versions, report.packs, report.chunks_read) == (len(ENTRIES), 2, 2, 3)


def test_what_the_worked_repository_holds_is_what_the_page_says(repo: Repository) -> None:
    version = repo.version("digits:v0")

    assert version.metadata == {"accuracy": 0.625, "layers": [64, 10]}
    assert (version.message, version.run, version.aliases) == ("first epoch", "run-1", ())
    assert [file.path for file in repo.files("digits:v0")] == ["empty.txt", "model.safetensors"]
    assert b"".join(repo.read("digits:v0", "empty.txt")) == b""
    for epoch, name in enumerate(("digits:v0", "digits:v1")):
        assert b"".join(repo.read(name, "model.safetensors")) == model(epoch)
    assert repo.card("Reader") == "# Reader\n\nReads digits.\n"
    assert repo.versions("Reader") == []
    commands = [entry.command for entry in repo.history()]
    for entry in range(1, len(ENTRIES) + 1):
        line = next(line for line in FORMAT.split("\n") if line.endswith(f"# entry {entry}"))
        assert commands[entry - 1].split()[0] in line or "--run" in line


@pytest.mark.parametrize("key", [key for key in REFS if key != TABLE])
def test_a_worked_ref_is_written_as_it_was_read(key: str) -> None:
    ref = ref_files.decode(key, WORKED[key])

    assert (ref.value is None) == (key == TOMBSTONE)
    assert ref_files.encode(key, ref) == WORKED[key]


def test_the_worked_table_is_written_as_it_was_read() -> None:
    table = ref_files.decode_table(TABLE, WORKED[TABLE])

    assert list(table) == ["v0"]
    assert table["v0"].value is None
    assert ref_files.encode_table(TABLE, table) == WORKED[TABLE]


def test_the_worked_check_sum_is_made_as_the_page_says() -> None:
    text = f"{CONFIG}\n0\n0\n" + WORKED[CONFIG].decode().rpartition("\n# mreg")[0]

    assert f"check={digest(text.encode())[:16]}\n" in WORKED[CONFIG].decode()


def test_the_worked_config_and_annotation_are_written_as_they_were_read() -> None:
    identity = config.identify(WORKED[CONFIG])
    said = ref_files.decode(ANNOTATION, WORKED[ANNOTATION]).value
    assert said is not None

    assert (
        config.encode(identity, {}) == config.initial(identity.id, 1) == ref_files.decode(CONFIG, WORKED[CONFIG]).value
    )
    assert annotation.encode(annotation.decode(said, ANNOTATION)) == said


def test_the_worked_entries_are_written_as_they_were_read_and_are_a_chain() -> None:
    previous = config.identify(WORKED[CONFIG]).id
    for number, key in enumerate(ENTRIES, 1):
        entry = Entry.from_bytes(WORKED[key])
        assert (entry.seq, journal.key_of(number)) == (number, key)
        assert entry.prev == previous
        assert entry.to_bytes() == WORKED[key]
        previous = digest(WORKED[key])
    assert journal.format_mark(Mark(len(ENTRIES), previous)) == WORKED[journal.APPLIED]


@pytest.mark.parametrize("key", VERSIONS)
def test_the_worked_records_are_named_by_their_digests_and_written_as_they_were_read(key: str) -> None:
    version = ref_files.decode(key, WORKED[key]).value
    assert version is not None
    data = WORKED[f"objects/{version[:2]}/{version[2:]}"]
    record = VersionRecord.from_bytes(data)
    manifest_data = WORKED[f"objects/{record.manifest[:2]}/{record.manifest[2:]}"]
    manifest = Manifest.from_bytes(manifest_data)

    assert (digest(data), digest(manifest_data)) == (version, record.manifest)
    assert (record.to_bytes(), manifest.to_bytes()) == (data, manifest_data)
    assert (record.files, record.size) == (len(manifest.files), manifest.size)


def test_the_worked_bytes_of_format_2_are_a_sound_repository() -> None:
    report = fsck(Context(stored(WORKED_2), "worked"), full=True)

    assert report.findings == ()
    assert (report.entries, report.versions, report.packs, report.chunks_read) == (len(ENTRIES_2), 5, 4, 5)


def test_what_the_worked_repository_of_format_2_holds_is_what_the_page_says() -> None:
    repo = Repository(Context(stored(WORKED_2), "worked", author="test"))

    assert [(file.path, file.executable) for file in repo.files("producción:最良")] == [("epoch:3", True)]
    assert repo.folders("producción:最良") == ("assets",)
    assert b"".join(repo.read("producción:v1", "epoch:3")) == b"weights\n"
    assert repo.version("producción:v0").manifest == repo.version("producción:v1").manifest
    assert repo.version("producción:v0").sources == ()
    assert repo.version("producción:v1").sources == (
        DataSource("file", "data.csv", digest(b"1,2\n"), 4),
        DataSource("uri", "s3://data/train"),
    )
    assert b"".join(repo.read("data:v1", "data.csv")) == b"1,2\n"
    assert repo.resolve("data").number == 1
    assert repo.version("producción:v0").tags == ("reviewed",)
    assert repo.properties("Reader") == {"stage of use": "pilot"}
    assert b"".join(repo.read_attachment("producción:v0", "report")) == b"1,2\n"
    assert repo.attachments("producción:v0")[0].manifest == repo.version("data:v1").manifest
    assert repo.artifact("counted").versions == 0
    assert repo.model("Tables").type == "dataset"
    with pytest.raises(NotHere):
        repo.resolve("counted:v0")
    assert repo.gc(grace=0, dry_run=True).bytes == 0


@pytest.mark.parametrize("key", [key for key in CHANGED if key.startswith("objects/")])
def test_a_worked_record_of_format_2_is_written_as_it_was_read(key: str) -> None:
    data = CHANGED[key]
    kind = Manifest if b'"kind":"manifest"' in data else VersionRecord

    assert key == counting(digest(data), dead.after(map(Entry.from_bytes, map(WORKED_2.__getitem__, ENTRIES_2))).get)
    assert kind.from_bytes(data).to_bytes() == data
    with pytest.raises(Malformed):
        kind.from_bytes(data.replace(*((b'"format":2', b'"format":1') if b'"format":2' in data else (b":1,", b":2,"))))


@pytest.mark.parametrize("key", [key for key in CHANGED if key in REFS_2])
def test_a_worked_ref_of_format_2_is_written_as_it_was_read(key: str) -> None:
    assert ref_files.encode(key, ref_files.decode(key, CHANGED[key])) == CHANGED[key]


def test_the_worked_entries_of_both_formats_are_a_chain() -> None:
    previous = config.identify(WORKED[CONFIG]).id
    for number, key in enumerate(ENTRIES_2, 1):
        entry = Entry.from_bytes(WORKED_2[key])
        assert (entry.seq, entry.format, entry.prev) == (number, 1 if number < 7 else 2, previous)
        assert entry.to_bytes() == WORKED_2[key]
        previous = digest(WORKED_2[key])
    assert journal.format_mark(Mark(len(ENTRIES_2), previous)) == WORKED_2[journal.APPLIED]


@pytest.mark.parametrize("key", PACKS)
def test_a_worked_pack_is_written_as_it_was_read(
    storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """Of the stored forms as they are: encoded anew they may differ, with another release of zstd."""
    name = packs.name_of(key)
    assert name is not None
    index = packs.read_index(storage, name)
    monkeypatch.setattr("mreg.content.packs.os.urandom", lambda size: WORKED[key][16:32])
    fresh = MemoryStorage()

    with PackWriter(fresh) as writer:
        for entry in index.chunks:
            stored = Encoded(entry.codec, WORKED[key][entry.offset : entry.offset + entry.stored])
            base = Base(entry.base, entry.position) if entry.base else None
            writer.add(entry.digest, bytes(entry.size), stored, base)
        for file, pieces in index.recipes.items():
            writer.add_recipe(file, pieces)
        assert writer.publish() == name

    value = fresh.get(key)
    assert value is not None
    assert value.data == WORKED[key]


def test_the_worked_packs_hold_chunks_of_every_codec(storage: MemoryStorage) -> None:
    first, second = (packs.read_index(storage, packs.name_of(key) or "") for key in PACKS)

    assert [(entry.codec, entry.position, entry.base) for entry in first.chunks] == [(RAW, 0, None), (PLANES, 0, None)]
    assert [(entry.codec, entry.position, entry.base) for entry in second.chunks] == [
        (DELTA, 1, first.chunks[1].digest)
    ]
    for index in (first, second):
        assert [len(pieces) for pieces in index.recipes.values()] == [2]


def test_the_worked_chunks_are_encoded_and_decoded_as_the_page_takes_them_apart(storage: MemoryStorage) -> None:
    """By its own words, without the code that is described."""
    before, after = model(0)[-1024:], model(1)[-1024:]
    (first, planes), (second, delta) = (
        (WORKED[key], packs.read_index(storage, packs.name_of(key) or "").chunks[-1]) for key in PACKS
    )
    stored = first[planes.offset :][: planes.stored]
    low = stored[9 : 9 + 512]
    elements = [(0x7E00 | byte) >> 1 | (byte & 1) << 15 for byte in low]

    assert b"".join(element.to_bytes(2, "little") for element in elements) == before
    assert b"".join((element + 1).to_bytes(2, "little") for element in elements) == after
    assert (stored[0], second[delta.offset]) == (2, 2)
    assert digest(before) == planes.digest.hex() and digest(after) == delta.digest.hex()


def test_the_stored_forms_of_the_page_are_decoded() -> None:
    _, _, section = FORMAT.partition("### 7.1 Codecs")
    row = r"^\| `([0-9a-f ]+)`(?:, (\d+) times)?[^|]*\| (\d) \| (?:`([0-9a-f ]+)`)? ?\| `([^`]+)` \|$"
    rows = re.findall(row, section, re.MULTILINE)

    for chunk, times, codec, base, stored in rows:
        expected = bytes.fromhex(chunk) * int(times or 1)
        out = bytearray(len(expected))
        decode(int(codec), bytes.fromhex(stored), memoryview(out), bytes.fromhex(base) if base else None)
        assert out == expected
    assert [row[2] for row in rows] == ["1", "1", "2"]


def test_the_worked_bytes_are_made_by_the_commands_of_the_page(tmp_path: Path) -> None:
    """All but the packs and the journal, which names them: with another release of zstd they may differ."""
    made = make(tmp_path)

    assert textwrap.indent(COMMANDS, "    ") in PART_1
    assert {key for key in made if not key.startswith("packs/")} == WORKED.keys() - set(PACKS)
    for key, data in made.items():
        if not key.startswith(("packs/", "journal/")):
            assert data == WORKED[key], key


def test_the_worked_bytes_of_format_2_are_made_by_the_commands_of_the_page(tmp_path: Path) -> None:
    made = make_2(tmp_path, WORKED)

    assert made == WORKED_2
    assert FORMAT.endswith(part_2(CHANGED))


@pytest.mark.parametrize(("worked", "refs"), [(WORKED, REFS), (WORKED_2, REFS_2)], ids=["1", "2"])
def test_the_refs_can_be_made_again_from_the_journal(worked: dict[str, bytes], refs: list[str]) -> None:
    storage = stored(worked)
    for key in [*refs, journal.APPLIED]:
        if key != CONFIG:
            storage.delete(key)

    Repository(Context(storage, "worked", author="test")).create_artifact("digits")  # which has nothing to change

    for key in [*refs, journal.APPLIED]:
        value = storage.get(key)
        assert value is not None, key
        assert value.data == worked[key]


def test_every_finding_of_fsck_stands_in_the_table_of_invariants() -> None:
    in_code = set()
    for path in (ROOT / "mreg" / "upkeep").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "check.found.add":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}: give the code itself"
                in_code.add(node.args[0].value)
    _, _, invariants = FORMAT.partition("## 9. Invariants")
    rows = re.findall(r"^\| (\d+) \| .*? \| ([^|]*) \| [^|]* \|$", invariants, re.MULTILINE)
    in_table = {code for _, codes in rows for code in re.findall(r"`([a-z-]+)`", codes)}

    assert in_code == in_table
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
