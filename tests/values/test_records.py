"""Canonical JSON and the records: what is read is exactly what may be written, or it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from mreg.content.objects import DamagedObject, ObjectsAt, key_of
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.values import canonical, paths as paths_module, records
from mreg.values.canonical import Malformed, Newer, Unstorable
from mreg.values.digest import EMPTY, digest, is_digest
from mreg.values.names import composed, fold
from mreg.values.paths import above, folder_fault, path_conflicts, path_fault
from mreg.values.records import DataSource, File, Input, Manifest, Origin, VersionRecord

D0, D1 = digest(b"0"), digest(b"1")
MANIFEST = Manifest((File("a", 1, D0), File("b/c.bin", 1 << 40, D1), File("run.sh", 0, EMPTY, executable=True)))
VERSION = VersionRecord(
    manifest=D0,
    files=2,
    size=3,
    created="2026-01-01T00:00:00.000000Z",
    author="ann",
    host="host",
    run="train-1",
    message="first\n",
    metadata={"acc": 0.5, "params": {"layers": [1, 2], "bias": True, "name": "ä\u2028"}},
    inputs=(Input("base:v0", D1),),
)

MANIFEST_2 = Manifest((File("A", 1, D0), File("a", 2, D1), File("b\n\\:", 1, D0)), ("assets", "c/empty"))
VERSION_2 = VERSION._replace(
    origin=Origin("mlflow", "runs/7", "2026-01-01T00:00:00.000000Z", None),
    sources=(DataSource("file", "data.csv", D0, 3), DataSource("uri", "s3://bucket/data")),
)


def raw(record: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(record.to_bytes())
    return value


# Round trips.


def test_records_are_read_as_they_were_written() -> None:
    assert Manifest.from_bytes(MANIFEST.to_bytes()) == MANIFEST
    assert VersionRecord.from_bytes(VERSION.to_bytes()) == VERSION
    assert Manifest.from_bytes(Manifest(()).to_bytes()) == Manifest(())
    assert Manifest.from_bytes(MANIFEST_2.to_bytes()) == MANIFEST_2
    assert VersionRecord.from_bytes(VERSION_2.to_bytes()) == VERSION_2
    assert VersionRecord.from_checked(VERSION_2.to_bytes()) == VERSION_2


def test_the_bytes_of_a_manifest_never_change() -> None:
    """Versions are named by digests of these bytes: another form would give the same content another name."""
    data = Manifest((File("a", 1, D0), File("ü", 2, D1, executable=True))).to_bytes()

    assert data.decode() == (
        f'{{"files":[{{"digest":"{D0}","path":"a","size":1}},'
        f'{{"digest":"{D1}","executable":true,"path":"ü","size":2}}],"format":1,"kind":"manifest"}}'
    )


def test_the_bytes_of_records_of_format_2_never_change() -> None:
    assert MANIFEST_2.to_bytes().decode() == (
        f'{{"files":[{{"digest":"{D0}","path":"A","size":1}},{{"digest":"{D1}","path":"a","size":2}},'
        f'{{"digest":"{D0}","path":"b\\n\\\\:","size":1}}],"folders":["assets","c/empty"],"format":2,"kind":"manifest"}}'
    )
    assert VERSION_2.to_bytes().decode() == (
        f'{{"author":"ann","created":"2026-01-01T00:00:00.000000Z","files":2,"format":2,"host":"host",'
        f'"inputs":[["base:v0","{D1}"]],"kind":"version","manifest":"{D0}","message":"first\\n",'
        '"metadata":{"acc":0.5,"params":{"bias":true,"layers":[1,2],"name":"ä\u2028"}},'
        '"origin":{"author":null,"id":"runs/7","system":"mlflow","time":"2026-01-01T00:00:00.000000Z"},'
        f'"run":"train-1","size":3,"sources":[{{"digest":"{D0}","kind":"file","name":"data.csv","size":3}},'
        '{"digest":null,"kind":"uri","name":"s3://bucket/data","size":null}]}'
    )


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12)
json_values = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(paths=st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8, unique=True), data=st.data())
@settings(max_examples=150, deadline=None)
def test_every_manifest_of_allowed_paths_is_read_as_it_was_written(paths: list[str], data: st.DataObject) -> None:
    folders = data.draw(st.lists(names, max_size=3, unique=True).map(sorted).map(tuple))
    if any(path_fault(path) for path in paths) or any(map(folder_fault, folders)):
        return
    if list(path_conflicts(sorted(paths), folders)) or any(
        path.startswith(f"{one}/") for path in paths for one in folders
    ):
        return
    sizes = st.integers(0, 2**53)
    drawn = [data.draw(sizes) for _ in paths]  # files of one digest have one size
    rows = zip(sorted(paths), drawn, strict=True)
    files = tuple(File(path, size, digest(b"%d" % size), data.draw(st.booleans())) for path, size in rows)

    assert Manifest.from_bytes(Manifest(files, folders).to_bytes()) == Manifest(files, folders)


sources = st.lists(
    st.builds(
        DataSource, st.sampled_from(["file", "uri"]), names, st.none() | st.just(D0), st.none() | st.integers(0, 2**53)
    ),
    max_size=3,
)
origins = st.none() | st.builds(
    Origin, names, st.none() | names, st.none() | st.just(VERSION.created), st.none() | names
)


@given(
    metadata=st.dictionaries(names, json_values, max_size=4),
    message=st.text(st.characters(exclude_categories=["Cs"])),
    origin=origins,
    sources=sources,
)
@settings(max_examples=100, deadline=None)
def test_every_version_record_is_read_as_it_was_written(
    metadata: dict[str, Any], message: str, origin: Origin | None, sources: list[DataSource]
) -> None:
    record = VERSION._replace(metadata=metadata, message=message, origin=origin, sources=tuple(sources))

    assert VersionRecord.from_bytes(record.to_bytes()) == record
    assert VersionRecord.from_checked(record.to_bytes()) == record
    assert raw(record)["format"] == (2 if origin or sources else 1)


# What a manifest may not hold.

BAD_PATHS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "./a",
    "../a",
    "a/..",
    "a/../b",
    "a/./b",
    "a\0b",
    "a\0",
    ".git",
    ".git/config",
    "a/.GIT/hooks",
    ".mreg",
    "a/.Mreg/x",
    "x" * 256,
    "ü" * 128,
    "a/" + "x" * 256 + "/b",
]


def test_two_files_of_one_digest_and_two_sizes_are_refused() -> None:
    with pytest.raises(Malformed, match="a different size"):
        Manifest.from_bytes(Manifest((File("a", 1, D0), File("b", 2, D0))).to_bytes())


@pytest.mark.parametrize("path", BAD_PATHS, ids=ascii)
def test_a_path_that_could_lead_astray_is_refused(path: str) -> None:
    assert path_fault(path)
    with pytest.raises(Malformed):
        Manifest.from_bytes(Manifest((File(path, 1, D0),)).to_bytes())


ODD_PATHS = ["a\\b", "..\\a", "C:a", "a:stream", "a\nb", "a\n", "\n", "a\x1bb", "a\x7fb", "a\x85b", "e:1/x"]


@pytest.mark.parametrize("path", ODD_PATHS, ids=ascii)
def test_a_path_that_format_1_cannot_hold_makes_a_manifest_of_format_2(path: str) -> None:
    manifest = Manifest((File(path, 1, D0),))

    assert raw(manifest)["format"] == 2
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    with pytest.raises(Malformed, match="format 1 cannot hold the file name"):
        Manifest.from_bytes(canonical.dumps(raw(manifest) | {"format": 1}))


@pytest.mark.parametrize("record", [MANIFEST, VERSION], ids=["manifest", "version"])
def test_a_record_in_a_higher_format_than_it_needs_is_refused(record: Any) -> None:
    with pytest.raises(Malformed, match="format 1 can hold all of it"):
        type(record).from_bytes(canonical.dumps(raw(record) | {"format": 2}))


@pytest.mark.parametrize("record", [MANIFEST_2, VERSION_2], ids=["manifest", "version"])
@pytest.mark.parametrize("change", [{}, {"files": "of another form", "more": 1}])
def test_a_record_of_a_format_to_come_is_told_from_damage(record: Any, change: dict[str, Any]) -> None:
    with pytest.raises(Newer) as raised:
        type(record).from_bytes(canonical.dumps(raw(record) | change | {"format": 3}))

    assert raised.value.found == 3


BAD_FOLDERS: list[Any] = [
    None,
    {},
    "assets",
    [],
    [1],
    [None],
    [""],
    ["/"],
    ["assets/"],
    ["/assets"],
    ["a/../b"],
    ["."],
    [".git"],
    ["x/.Mreg"],
    ["a\0"],
    ["b", "a"],
    ["a", "a"],
    ["e\u0301", "é"],
    ["c", "c/d"],
    ["dir"],
    ["file"],
    ["file/x"],
    ["d/" * 201 + "x"],
    ["x" * 256],
]


@pytest.mark.parametrize("folders", BAD_FOLDERS, ids=lambda value: ascii(value)[:40])
def test_folders_of_another_form_are_refused(folders: Any) -> None:
    files = [{"path": path, "size": 1, "digest": D0} for path in ("dir/x", "file")]

    with pytest.raises(Malformed):
        Manifest.from_bytes(canonical.dumps({"kind": "manifest", "format": 2, "files": files, "folders": folders}))


def test_folders_count_as_files_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_FILES", 4)

    with pytest.raises(Malformed, match="more than 4"):
        Manifest.from_bytes(MANIFEST_2.to_bytes())


@pytest.mark.parametrize(
    "path", ["a", "a b", "..a", "a..", "...", ".gitignore", "a/.github", "ü", "x" * 255, "日本/語", "~", "-rf"]
)
def test_an_unusual_path_is_taken(path: str) -> None:
    assert path_fault(path) is None
    assert Manifest.from_bytes(Manifest((File(path, 1, D0),)).to_bytes()).files[0].path == path


@given(st.text("aZ9._-/\\:\n\u00e9 g it", max_size=14) | st.builds("a".__mul__, st.integers(95, 260)))
@example(".git")
@example("a/.mreg")
@example("a/..")
@example("a//b")
@example("a\n")
@example("/".join("a" * 12))
@settings(max_examples=500)
def test_paths_that_are_let_through_at_a_glance_have_no_fault(path: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths_module, "_PLAIN", lambda _: None)
        slowly = path_fault(path)

    assert path_fault(path) == slowly


@pytest.mark.parametrize(
    "paths",
    [
        ["a", "a"],
        ["a", "a/b"],
        ["a/b", "a/b/c"],
        ["é", "e\u0301"],
        ["é/x", "e\u0301/y"],
        ["é", "e\u0301/y"],
        ["K", "\u212a"],
    ],
    ids=ascii,
)
@pytest.mark.parametrize("number", [1, 2])
def test_paths_that_are_one_name_are_refused_together(paths: list[str], number: int) -> None:
    with pytest.raises(Malformed):
        Manifest.from_bytes(Manifest(tuple(File(path, 1, D0) for path in sorted(paths)))._in_format(number))


@pytest.mark.parametrize(
    "paths",
    [
        ["A", "a"],
        ["README", "readme"],
        ["A/x", "a/y"],
        ["dir/A/x", "dir/a/y"],
        ["A", "a/b"],
        ["STRASSE", "straße"],
        ["\ufb01", "fi"],
    ],
    ids=ascii,
)
def test_paths_that_differ_in_case_are_two_in_format_2(paths: list[str]) -> None:
    manifest = Manifest(tuple(File(path, 1, D0) for path in sorted(paths)))

    assert raw(manifest)["format"] == 2
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    assert list(path_conflicts(paths, same=fold)) and not list(path_conflicts(paths))
    with pytest.raises(Malformed, match="format 1 cannot hold keeping"):
        Manifest.from_bytes(manifest._in_format(1))


def test_a_folder_may_hold_many_files() -> None:
    assert list(path_conflicts(["a/b", "a/c", "a/d/e", "a/d/f", "b"])) == []


def test_files_must_be_sorted() -> None:
    with pytest.raises(Malformed, match="sorted"):
        Manifest.from_bytes(Manifest((File("b", 1, D0), File("a", 1, D0))).to_bytes())


ROW = {"path": "a", "size": 1, "digest": D0}

BAD_ROWS: list[Any] = [
    None,
    [],
    "a",
    {},
    {"path": "a", "size": 1},
    {"path": "a", "digest": D0},
    {"size": 1, "digest": D0},
    ROW | {"path": 1},
    ROW | {"path": None},
    ROW | {"size": True},
    ROW | {"size": 1.0},
    ROW | {"size": "1"},
    ROW | {"size": -1},
    ROW | {"size": 2**53 + 1},
    ROW | {"size": 10**4000},
    ROW | {"size": None},
    ROW | {"digest": D0.upper()},
    ROW | {"digest": D0[:-1]},
    ROW | {"digest": D0 + "0"},
    ROW | {"digest": "../" + D0[3:]},
    ROW | {"digest": None},
    ROW | {"executable": False},
    ROW | {"executable": 1},
    ROW | {"executable": None},
    ROW | {"mode": 0o4755},
    ROW | {"link": "/etc/passwd"},
]


@pytest.mark.parametrize("row", BAD_ROWS, ids=lambda row: ascii(row)[:60])
def test_a_file_entry_of_another_form_is_refused(row: Any) -> None:
    with pytest.raises(Malformed):
        Manifest.from_bytes(canonical.dumps(raw(MANIFEST) | {"files": [row]}))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "version"},
        {"kind": None},
        {"format": 2},
        {"format": True},
        {"format": 1.0},
        {"format": "1"},
        {"files": None},
        {"files": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Manifest.from_bytes(canonical.dumps(raw(MANIFEST) | change))


@pytest.mark.parametrize("key", ["files", "format", "kind"])
def test_a_manifest_that_lacks_something_is_refused(key: str) -> None:
    value = raw(MANIFEST)
    del value[key]

    with pytest.raises(Malformed):
        Manifest.from_bytes(canonical.dumps(value))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "manifest"},
        {"format": True},
        {"format": 0},
        {"format": 2},
        {"origin": raw(VERSION_2)["origin"]},
        {"sources": raw(VERSION_2)["sources"]},
        {"manifest": "x"},
        {"manifest": None},
        {"manifest": D0.upper()},
        {"files": True},
        {"files": -1},
        {"size": 2**53 + 1},
        {"size": 1.5},
        {"created": 1},
        {"created": ""},
        {"created": "2026-01-01"},
        {"created": "2026-01-01T00:00:00Z"},
        {"created": "2026-01-01T00:00:00.000Z"},
        {"created": "2026-01-01T00:00:00.000000"},
        {"created": "2026-01-01T00:00:00.000000+00:00"},
        {"created": "2026-01-01T00:00:00.000000+01:00"},
        {"created": "2026-01-01 00:00:00.000000Z"},
        {"created": "2026-02-30T00:00:00.000000Z"},
        {"created": "2026-01-01T00:00:00.000000Z\n"},
        {"created": "\uff12026-01-01T00:00:00.000000Z"},
        {"metadata": {"x": 2**63 + 1}},
        {"metadata": {"x": [{"y": -(2**70)}]}},
        {"metadata": {"x": None}},
        {"metadata": {"x": [{"y": [None]}]}},
        {"author": None},
        {"host": []},
        {"run": 1},
        {"message": None},
        {"metadata": []},
        {"metadata": None},
        {"inputs": {}},
        {"inputs": [["a:v0"]]},
        {"inputs": [["a:v0", "x"]]},
        {"inputs": [["a:v0", D0, D1]]},
        {"inputs": [[1, D0]]},
        {"inputs": [["", D0]]},
        {"inputs": [["a", D0]]},
        {"inputs": [["a:latest", D0]]},
        {"inputs": [["../a:v0", D0]]},
        {"inputs": [["a:v00", D0]]},
        {"inputs": [["no name:v0", D0]]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_version_record_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        VersionRecord.from_bytes(canonical.dumps(raw(VERSION) | change))


SOURCE = {"kind": "file", "name": "a", "digest": D0, "size": 1}
ORIGIN = {"system": "mlflow", "id": None, "time": None, "author": None}


@pytest.mark.parametrize(
    "change",
    [
        {"origin": None, "sources": [SOURCE]},
        {"origin": []},
        {"origin": {}},
        {"origin": ORIGIN | {"system": ""}},
        {"origin": ORIGIN | {"system": None}},
        {"origin": ORIGIN | {"time": "2026-01-01"}},
        {"origin": ORIGIN | {"author": 1}},
        {"origin": ORIGIN | {"more": None}},
        {"origin": {"system": "mlflow"}},
        {"sources": None, "origin": ORIGIN},
        {"sources": [], "origin": ORIGIN},
        {"sources": []},
        {"sources": {}},
        {"sources": [None]},
        {"sources": [[*SOURCE.values()]]},
        {"sources": [SOURCE | {"kind": "version"}]},
        {"sources": [SOURCE | {"kind": None}]},
        {"sources": [SOURCE | {"name": ""}]},
        {"sources": [SOURCE | {"name": None}]},
        {"sources": [SOURCE | {"digest": "x"}]},
        {"sources": [SOURCE | {"size": -1}]},
        {"sources": [SOURCE | {"size": True}]},
        {"sources": [SOURCE | {"size": 1.5}]},
        {"sources": [SOURCE | {"more": 1}]},
        {"sources": [{"kind": "file", "name": "a", "digest": D0}]},
    ],
    ids=lambda change: ascii(change)[:60],
)
def test_origin_and_sources_of_another_form_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        VersionRecord.from_bytes(canonical.dumps(raw(VERSION) | {"format": 2} | change))


@pytest.mark.parametrize("key", sorted(raw(VERSION)))
def test_a_version_record_that_lacks_something_is_refused(key: str) -> None:
    value = raw(VERSION)
    del value[key]

    with pytest.raises(Malformed):
        VersionRecord.from_bytes(canonical.dumps(value))


TEXT = VERSION.to_bytes().decode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        TEXT.encode() + b"\n",
        TEXT.encode() + b"{}",
        b" " + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-8-sig"),
        TEXT.replace('"files":2', '"files":2.0').encode(),
        TEXT.replace('"files":2', '"files":2e0').encode(),
        TEXT.replace('"files":2', '"files":3,"files":2').encode(),
        TEXT.replace('"acc":0.5', '"acc":0.50').encode(),
        TEXT.replace('"acc":0.5', '"acc":NaN').encode(),
        TEXT.replace('"acc":0.5', '"acc":-Infinity').encode(),
        TEXT.replace('"acc":0.5', '"acc":1e999').encode(),
        TEXT.replace('"first', '"\\ud800').encode(),
        TEXT.replace('"first', '"\\u0066irst').encode(),
        TEXT.replace('"first', '"\udcff').encode("utf-8", "surrogatepass"),
        TEXT.replace(":", ": ").encode(),
        json.dumps(dict(reversed(raw(VERSION).items()))).encode(),
    ],
    ids=range(22),
)
def test_the_same_record_in_any_other_form_is_refused(data: bytes) -> None:
    assert data != VERSION.to_bytes()
    with pytest.raises(Malformed):
        VersionRecord.from_bytes(data)


def nested(depth: int) -> bytes:
    return TEXT.replace('"acc":0.5', '"acc":' + "[" * depth + "]" * depth).encode()


def test_nesting_is_bounded() -> None:
    assert VersionRecord.from_bytes(nested(28))
    for depth in (31, 33, 1000, 200_000):
        with pytest.raises(Malformed):
            VersionRecord.from_bytes(nested(depth))


def test_sizes_are_bounded_when_reading_and_when_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = MANIFEST.to_bytes()
    monkeypatch.setattr(canonical, "MAX_BYTES", len(data) - 1)

    with pytest.raises(Malformed):
        Manifest.from_bytes(data)
    with pytest.raises(Unstorable):
        MANIFEST.to_bytes()


def test_a_version_record_has_a_limit_of_its_own() -> None:
    """Parsed JSON takes many times its size in memory."""
    room = records.MAX_VERSION - len(VERSION._replace(message="").to_bytes())
    most, more = VERSION._replace(message="x" * room), VERSION._replace(message="x" * (room + 1))

    assert VersionRecord.from_bytes(most.to_bytes()) == most
    with pytest.raises(Unstorable, match="metadata, message and inputs together, is larger than 4 MiB"):
        more.to_bytes()
    with pytest.raises(Malformed, match="larger"):
        VersionRecord.from_bytes(most.to_bytes().replace(b'"xx', b'"xxx'))


def test_the_number_of_files_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_FILES", 2)

    with pytest.raises(Malformed, match="more than 2"):
        Manifest.from_bytes(MANIFEST.to_bytes())


def test_text_that_is_not_unicode_is_not_written() -> None:
    with pytest.raises(Unstorable, match="'n\\udcff/f' is not"):
        VERSION._replace(message="see n\udcff/f for it").to_bytes()


# Fuzzing: an object that would be written as it was read, or Malformed.

tokens = st.sampled_from(
    [*'{}[]":,0123456789.-+eE \\"', "true", "null", '"path"', '"size"', "\\ud800", "1e999", "\0", "é"]
)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """The bytes of a record, changed at a few places."""
    text = draw(st.sampled_from([one.to_bytes().decode() for one in (VERSION, MANIFEST, VERSION_2, MANIFEST_2)]))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + draw(st.lists(tokens, max_size=3).map("".join)) + text[end:]
    return text.encode()


@given(data=mutants() | st.binary(max_size=60) | st.dictionaries(names, json_values).map(canonical.dumps))
@example(data=b'{"kind":"manifest","format":1,"files":[]}')
@settings(max_examples=500, deadline=None)
def test_arbitrary_bytes_are_a_record_in_its_one_form_or_malformed(data: bytes) -> None:
    for kind in (Manifest, VersionRecord):
        try:
            record = kind.from_bytes(data)
        except Malformed:
            continue
        assert record.to_bytes() == data


@given(row=st.dictionaries(st.sampled_from(["path", "size", "digest", "executable", "x"]), json_values | st.just(D0)))
@settings(max_examples=300, deadline=None)
def test_arbitrary_file_entries_are_taken_in_their_one_form_or_malformed(row: dict[str, Any]) -> None:
    data = canonical.dumps(raw(MANIFEST) | {"files": [row]})
    try:
        manifest = Manifest.from_bytes(data)
    except Malformed:
        return

    assert manifest.to_bytes() == data
    assert path_fault(manifest.files[0].path) is None


# Digests, and objects in a store.


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "0" * 63 + "g", D0.upper(), D0 + "\n", None, 1, b"0" * 64])
def test_what_is_no_digest_is_told(text: object) -> None:
    assert is_digest(D0) and is_digest(EMPTY)
    assert not is_digest(text)


def test_an_object_is_verified_when_it_is_read(storage: MemoryStorage) -> None:
    objects = ObjectsAt(storage, {}.get)
    name = objects.put(MANIFEST.to_bytes())
    assert objects.manifest(name) == MANIFEST

    for damaged in (b"", MANIFEST.to_bytes()[:-1], Manifest(()).to_bytes()):
        storage.put(key_of(name), damaged)
        with pytest.raises(DamagedObject, match="do not match"):
            objects.manifest(name)
    storage.delete(key_of(name))
    with pytest.raises(DamagedObject, match="missing"):
        objects.manifest(name)


def test_an_object_of_another_kind_is_refused(storage: MemoryStorage) -> None:
    objects = ObjectsAt(storage, {}.get)

    with pytest.raises(DamagedObject):
        objects.version(objects.put(MANIFEST.to_bytes()))
    with pytest.raises(DamagedObject):
        objects.manifest(objects.put(VERSION.to_bytes()))


def test_putting_an_object_again_makes_it_young_and_mends_it(storage: MemoryStorage) -> None:
    objects = ObjectsAt(storage, {}.get)
    name = objects.put(b"data")
    storage._entries[key_of(name)].mtime -= 1000
    old = storage.stat(key_of(name))

    objects.put(b"data")

    young = storage.stat(key_of(name))
    assert old and young and young.mtime > old.mtime + 900
    storage.put(key_of(name), b"damaged")
    objects.put(b"data")
    assert objects.get(name) == b"data"


def test_putting_many_objects_mends_those_that_are_there(storage: MemoryStorage) -> None:
    objects = ObjectsAt(storage, {}.get)
    storage.put(key_of(digest(b"two")), b"damaged")

    objects.put_all([b"one", b"two", b"three"])

    assert [objects.get(digest(data)) for data in (b"one", b"two", b"three")] == [b"one", b"two", b"three"]


def test_putting_an_object_that_is_there_writes_it_not_again(storage: MemoryStorage) -> None:
    name = ObjectsAt(storage, {}.get).put(b"data")
    before = storage.get(key_of(name))
    counted = FaultyStorage(storage, 0, Crash)

    ObjectsAt(counted, {}.get).put(b"data")

    assert storage.get(key_of(name)) == before
    assert counted.calls == 2  # the put that lost, and a touch


ODD_PATHS = st.lists(st.text("aAéÉ/.\0", min_size=1, max_size=5), max_size=6, unique=True)


@given(ODD_PATHS, ODD_PATHS, st.sampled_from([composed, fold]))
def test_paths_conflict_where_two_that_exist_have_one_form(files: list[str], folders: list[str], same: Any) -> None:
    around = {folder for path in files for folder in above(path)} | {
        one for path in folders for one in (path, *above(path))
    }
    forms = [same(path) for path in (*files, *(around - {""}))]

    assert bool(list(path_conflicts(files, folders, same=same))) == (len(set(forms)) < len(forms))
