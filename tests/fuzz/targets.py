"""Every parser, the samples it takes, and how to judge it: whatever bytes it gets, it raises a clear error of its
own, or gives a value that is written as the same bytes.

Used by Hypothesis (`test_parsers`), which mutates the samples, and by atheris (`test_coverage_guided`), which looks
for bytes that reach new code.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mreg.content import codecs, packs
from mreg.content.chunks import ChunkReader
from mreg.content.formats import detect
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import Base, Located, PackIndex, Piece
from mreg.refs import journal, properties, ref_files
from mreg.refs.heading import Heading
from mreg.refs.journal import Change, Entry, Mark
from mreg.refs.keys import CONFIG, ArtifactKey
from mreg.refs.ref_files import Ref
from mreg.session import config
from mreg.storage.memory import MemoryStorage
from mreg.values import annotation, canonical, metadata, names
from mreg.values.canonical import Malformed
from mreg.values.digest import digest
from mreg.values.errors import Damaged, InvalidInput
from mreg.values.filters.parser import Parsed
from mreg.values.records import DataSource, File, Input, Manifest, Origin, VersionRecord

D0, D1 = digest(b"0"), digest(b"1")


REFUSED: list[Exception] = []
"""The clear errors that parsers have given, for who wants to know that they gave none."""


def _refuse(error: Exception) -> None:
    assert str(error)
    REFUSED[:] = [*REFUSED[-9:], error]


class Target(NamedTuple):
    """judge: takes any bytes; an exception that leaves it is a finding."""

    samples: Sequence[bytes]
    judge: Callable[[bytes], object]


def _text(data: bytes) -> str:
    """Also halves of surrogate pairs: what a command line can hold."""
    return data.decode("utf-8", "surrogateescape")


# Words.


def _word(check: Callable[[str], str]) -> Callable[[bytes], None]:
    def judge(data: bytes) -> None:
        try:
            assert check(_text(data)) == names.composed(_text(data))
        except InvalidInput as error:
            _refuse(error)

    return judge


def _reference(data: bytes) -> None:
    try:
        found = names.parse_reference(_text(data))
    except InvalidInput as error:
        _refuse(error)
        return
    assert names.parse_reference(str(found)) == found


def _pair(data: bytes) -> None:
    try:
        found = metadata.normalise(metadata.parse_pairs([_text(data)]))
    except InvalidInput as error:
        _refuse(error)
        return
    assert json.loads(canonical.dumps(found)) == found


def _filter(data: bytes) -> None:
    try:
        parsed = Parsed(_text(data))
    except InvalidInput as error:
        _refuse(error)
        return
    assert Parsed(str(parsed.tree)).tree == parsed.tree


def _metadata_file(name: str) -> Callable[[bytes], None]:
    def judge(data: bytes) -> None:
        try:
            found = metadata.parse_file(data, name)
        except InvalidInput as error:
            _refuse(error)
            return
        assert metadata.normalise(found) == found
        assert json.loads(canonical.dumps(found)) == found

    return judge


# Records.


def _record(kind: Any) -> Callable[[bytes], None]:
    def judge(data: bytes) -> None:
        try:
            found = kind.from_bytes(data)
        except Malformed as error:
            _refuse(error)
            return
        assert found.to_bytes() == data
        if not isinstance(found, Entry):
            assert json.loads(data)["format"] == (2 if found.beyond_format_1 else 1)

    return judge


def _manifest(data: bytes) -> None:
    """And no path leads astray."""
    _record(Manifest)(data)
    try:
        found = Manifest.from_bytes(data)
    except Malformed:
        return
    for path in (*(file.path for file in found.files), *found.folders):
        parts = path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert "\0" not in path
        assert not {".git", ".mreg"} & {part.casefold() for part in parts}
    if not found.beyond_format_1:
        assert not any(set(file.path) & set("\\:\n\x1b") for file in found.files)


def _mark(data: bytes) -> None:
    found = journal.parse_mark(data)
    assert found is None or journal.format_mark(found) == data


# Refs.


def _ref(key: str) -> Callable[[bytes], None]:
    def judge(data: bytes) -> None:
        try:
            found = ref_files.decode(key, data)
        except Damaged as error:
            _refuse(error)
            return
        assert ref_files.encode(key, found) == data

    return judge


def _table(data: bytes) -> None:
    """With a check sum that fits, as somebody hostile would make it."""
    file = "registered/m/links"
    for sealed in (data, ref_files.encode(file, Ref(data.decode("utf-8", "replace"), 7))):
        try:
            found = ref_files.decode_table(file, sealed)
        except Damaged as error:
            _refuse(error)
            continue
        assert ref_files.encode_table(file, found) == sealed


def _config(data: bytes) -> None:
    try:
        config.identify(data)
    except (Damaged, config.NewerFormat) as error:
        _refuse(error)
    try:
        for name, value in config.decode(Ref(data.decode("utf-8", "replace"), 1)).items():
            assert isinstance(name, str) and value is not None
    except Damaged as error:
        _refuse(error)


def _annotation(data: bytes) -> None:
    try:
        found = annotation.decode(data.decode("utf-8", "replace"), "artifacts/a/v0.toml")
    except Damaged as error:
        _refuse(error)
        return
    again = annotation.decode(annotation.encode(found), "artifacts/a/v0.toml")
    assert repr(again) == repr(found)  # NaN is not equal to itself


def _properties(data: bytes) -> None:
    try:
        properties.read(ArtifactKey("a"), data.decode("utf-8", "replace"))
    except Damaged as error:
        _refuse(error)


# Packs.


def _pack_sample() -> tuple[str, bytes]:
    storage = MemoryStorage()
    weights = struct.pack("<256f", *(math.sin(n) / 50 for n in range(256)))
    moved = struct.pack("<256f", *(math.sin(n) / 50 + 1e-5 * math.cos(n) for n in range(256)))
    chunks = [b"as it is", b"second" * 50, weights, moved]
    base = Base(bytes.fromhex(digest(weights)), 1)
    with PackWriter(storage) as writer:
        for chunk in chunks:
            room = memoryview(bytearray(len(chunk) + codecs.EXTRA))
            near = weights if chunk is moved else None
            stored = codecs.encode(memoryview(chunk), room, "F32" if chunk in (weights, moved) else "", near)
            writer.add(bytes.fromhex(digest(chunk)), chunk, stored, base if near else None)
        assert [writer.entry(bytes.fromhex(digest(chunk))).codec for chunk in chunks] == [0, 1, 1, 2]
        pieces = tuple(Piece(bytes.fromhex(digest(chunk)), len(chunk)) for chunk in chunks)
        writer.add_recipe(bytes.fromhex(digest(b"".join(chunks))), pieces)
        name = writer.publish()
    value = storage.get(packs.key_of(name))
    assert value is not None
    return name, value.data


PACK_NAME, PACK = _pack_sample()


def _pack_entries() -> tuple[Any, ...]:
    storage = MemoryStorage()
    storage.put(packs.key_of(PACK_NAME), PACK)
    return packs.read_index(storage, PACK_NAME).chunks


ENTRIES = _pack_entries()


def _locate(name: bytes) -> Located | None:
    return next((Located(PACK_NAME, entry) for entry in ENTRIES if entry.digest == name), None)


def _pack(data: bytes) -> None:
    """Other bytes under the name of a pack: its index is the right one or refused, each chunk as well."""
    storage = MemoryStorage()
    storage.put(packs.key_of(PACK_NAME), data)
    try:
        assert packs.read_index(storage, PACK_NAME).chunks == ENTRIES
    except packs.DamagedPack as error:
        _refuse(error)
    for entry in ENTRIES:
        try:
            data = ChunkReader(storage, _locate).verified(Located(PACK_NAME, entry))
            assert digest(data) == entry.digest.hex()
        except packs.DamagedChunk as error:
            _refuse(error)


def _pack_index(data: bytes) -> None:
    """An index whose name fits, as somebody hostile would make it."""
    try:
        found = PackIndex.from_bytes(data, 1 << 20)
    except Malformed as error:
        _refuse(error)
        return
    assert sum(1 for entry in found.chunks if entry.size > packs.MAX_CHUNK) == 0


# Formats of model files.


def _spans(data: bytes) -> None:
    """The map of a file covers it without a hole and without an overlap."""
    position = 0
    for span in detect.spans(io.BytesIO(data), len(data)):
        assert span.start == position and span.length > 0
        position += span.length
    assert position == len(data)


def _safetensors() -> bytes:
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        "b": {"dtype": "U8", "shape": [8], "data_offsets": [16, 24]},
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(24)


def _npy() -> bytes:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)


def _zip(method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("archive/data/0", bytes(64))
        archive.writestr("archive/data.pkl", b"pickle" * 10)
        archive.writestr("weights.npy", _npy())
    return stream.getvalue()


# The samples.

MANIFEST = Manifest((File("config.json", 2, D0), File("sub/weights.bin", 1 << 40, D1, executable=True)))
MANIFEST_2 = Manifest((File("A", 2, D0), File("a", 1, D1), File("e:1\n\\", 2, D0)), ("assets", "sub/empty"))
VERSION = VersionRecord(
    manifest=D0,
    files=2,
    size=99,
    created="2026-01-02T03:04:05.000006Z",
    author="ann",
    host="alpha",
    run="r1",
    message="first\nepoch",
    metadata={"acc": 0.5, "nested": {"list": [1, 2.5, "NaN", True]}},
    inputs=(Input("base:v0", D1),),
)
SOURCES = (DataSource("file", "data\n.csv", D0, 3), DataSource("uri", "s3://bucket/data"))
VERSION_2 = VERSION._replace(origin=Origin("mlflow", "runs/7", VERSION.created, None), sources=SOURCES)
ENTRY = Entry(
    seq=3,
    prev=D0,
    id="1" * 32,
    time="2026-01-02T03:04:05.000006Z",
    who="ann",
    host="alpha",
    command="log",
    changes=(Change("artifacts/a/v0", None, D1), Change("registered/m/links#v0", f"a:v0 {D1}", None)),
    packs=(D1,),
    drops=("packs/ab/cd.pack",),
    format=1,
)
SAID = annotation.Said("better\n", {"acc": 0.25, "a b": {"c": [1, 2]}}, (Input("base:v0", D1),))
TABLE = ref_files.encode_table("registered/m/links", {"v0": Ref(f"a:v0 {D1}", 4), "v1": Ref(None, 7, f"a:v1 {D0}")})
CONFIG_TEXT = config.encode(Heading(1, "2" * 32), {"gc.grace": "3d", "log.exclude": ["*.tmp"]})

TARGETS: dict[str, Target] = {
    "filter": Target(
        [
            b"metrics.acc >= 0.9 and params.arch in ('resnet50', \"vit\") and not tag = 'deprecated'",
            b"(age < 30d or size > 1.5GiB) and `val/acc@1`.x is not null or not has(layers.0.lr)",
            b"created between 2026-11-20 and '2026-11-20T12:00+01:00' and a != nan and b not like 'a%''b'",
        ],
        _filter,
    ),
    "name": Target((b"resnet-50", b"a" * 128, b"con.txt"), _word(names.check_name)),
    "alias": Target((b"best", b"v1.2", b"latest"), _word(names.check_alias)),
    "tag": Target((b"small vision", "größe".encode()), _word(names.check_tag)),
    "reference": Target((b"a", b"far/a:v12", b"a:best", b"a:@0123456789ab", b"a:latest"), _reference),
    "metadata-pair": Target((b"a.b=1", b"acc=0.5", b"x=true", b"n=-1e308", b"t=text=more"), _pair),
    "metadata-json": Target((b'{"a": [1, 2.5, true], "b": {"c": "x"}}', b'{"n": NaN}'), _metadata_file("m.json")),
    "metadata-toml": Target((b'a = 1\n[b]\nc = [1.5, "x"]\nd = 2026-01-02T03:04:05Z\n',), _metadata_file("m.toml")),
    "manifest": Target((MANIFEST.to_bytes(), Manifest(()).to_bytes(), MANIFEST_2.to_bytes()), _manifest),
    "version": Target(
        (VERSION.to_bytes(), VERSION._replace(run=None, inputs=()).to_bytes(), VERSION_2.to_bytes()),
        _record(VersionRecord),
    ),
    "entry": Target((ENTRY.to_bytes(), ENTRY._replace(changes=(), packs=()).to_bytes()), _record(Entry)),
    "mark": Target((journal.format_mark(Mark(0, D0)), journal.format_mark(Mark(123456, D1))), _mark),
    "ref": Target(
        (ref_files.encode("artifacts/a/v0", Ref(D0, 3)), ref_files.encode("artifacts/a/v0", Ref(None, 9, D1))),
        _ref("artifacts/a/v0"),
    ),
    "card": Target(
        (ref_files.encode("registered/m/card.md", Ref("# Card\n\nText.\n", 3)),), _ref("registered/m/card.md")
    ),
    "table": Target((TABLE, TABLE.rsplit(b"\n", 2)[0]), _table),
    "config": Target((ref_files.encode(CONFIG, Ref(CONFIG_TEXT, 0)), CONFIG_TEXT.encode()), _config),
    "annotation": Target(
        (annotation.encode(SAID).encode(), annotation.encode(SAID._replace(sources=SOURCES)).encode()), _annotation
    ),
    "properties": Target((b'type = "model"\ndescription = ""\n', b'description = "x"\ntags = ["a"]\n'), _properties),
    "pack": Target((PACK,), _pack),
    "pack-index": Target((PackIndex(ENTRIES, {bytes(32): (Piece(bytes(32), 5),)}).to_bytes(),), _pack_index),
    "tensors": Target(
        (_safetensors(), _npy(), _zip(zipfile.ZIP_STORED), _zip(zipfile.ZIP_DEFLATED)),
        _spans,
    ),
}
