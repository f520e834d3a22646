"""A source that somebody hostile has made: what is pulled from it is what it says, or refused; nothing is half done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.content import codecs, packs
from mreg.content.codecs import Encoded
from mreg.content.objects import key_of as object_key
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import Base, Piece
from mreg.refs.keys import AliasKey, AnnotationKey, ArtifactKey, CardKey, LinkKey, ModelKey, VersionKey
from mreg.refs.transaction import timestamp
from mreg.repository import Repository
from mreg.storage import ABSENT
from mreg.storage.bundle_file import BundleFile
from mreg.storage.memory import MemoryStorage
from mreg.values import canonical
from mreg.values.digest import digest
from mreg.values.errors import MregError
from mreg.values.records import VersionRecord

DATA = b"some bytes" * 10
Fill = Callable[[PackWriter], None]


def raw(data: bytes) -> bytes:
    return bytes.fromhex(digest(data))


def craft(
    fill: Fill,
    *,
    data: bytes = DATA,
    size: int | None = None,
    refs: dict[Any, str] | None = None,
    path: str = "w",
) -> Repository:
    """A repository with `m:v0`, of one file that is said to be `data`; `fill` writes its pack."""
    storage = MemoryStorage()
    eve = Repository.init_storage(storage, "eve")
    with PackWriter(storage) as writer:
        fill(writer)
        writer.publish()
    row = {"path": path, "size": len(data), "digest": digest(data)}
    manifest = canonical.dumps({"kind": "manifest", "format": 1, "files": [row]})
    storage.put(object_key(digest(manifest)), manifest)
    told = len(data) if size is None else size
    record = VersionRecord(digest(manifest), 1, told, timestamp(), "eve", "h", None, "", {}, ()).to_bytes()
    storage.put(object_key(digest(record)), record)

    def build(draft: Any) -> None:
        draft.set(ArtifactKey("m"), 'type = "model"\ndescription = ""\n')
        draft.set(VersionKey("m", 0), digest(record))
        for key, value in (refs or {}).items():
            draft.set(key, value.replace("DIGEST", digest(record)))
        draft.packs = tuple(packs.pack_names(storage))

    eve._context.commit("craft", build)
    return eve


def honest(writer: PackWriter) -> None:
    writer.add(raw(DATA), DATA)


def other_bytes(writer: PackWriter) -> None:
    writer.add(raw(DATA), bytes(len(DATA)))


def nothing(writer: PackWriter) -> None:
    writer.add(raw(b"else"), b"else")


def wrong_order(writer: PackWriter) -> None:
    one, two = DATA[:30], DATA[35:]
    for part in (one, two, DATA[30:35]):
        writer.add(raw(part), part)
    writer.add_recipe(raw(DATA), [Piece(raw(part), len(part)) for part in (two, one, DATA[30:35])])


def wrong_sizes(writer: PackWriter) -> None:
    writer.add(raw(b"x"), b"x")
    writer.add_recipe(raw(DATA), [Piece(raw(b"x"), len(DATA))])


def circle(writer: PackWriter) -> None:
    form = Encoded(codecs.DELTA, b"\x01" + bytes(20))
    other = b"other byte" * 10
    writer.add(raw(DATA), DATA, form, Base(raw(other), 3))
    writer.add(raw(other), other, form, Base(raw(DATA), 3))


def lost_base(writer: PackWriter) -> None:
    writer.add(raw(DATA), DATA, Encoded(codecs.DELTA, b"\x01" + bytes(20)), Base(raw(b"nowhere"), 1))


def bomb(writer: PackWriter) -> None:
    writer.add(raw(DATA), DATA, Encoded(codecs.PLANES, b"\x01\xff\xff\xff\xff" + bytes(20)))


def empty_pieces(writer: PackWriter) -> None:
    writer.add(raw(b""), b"")
    writer.add(raw(DATA[:-1]), DATA[:-1])
    writer.add_recipe(raw(DATA), [*[Piece(raw(b""), 0)] * 1000, Piece(raw(DATA[:-1]), len(DATA))])


FILLS = [other_bytes, nothing, wrong_order, wrong_sizes, circle, lost_base, bomb, empty_pieces]


def bundled(eve: Repository, file: Path) -> Path:
    """A bundle of whatever is in the repository, as somebody makes one who does not look."""
    storage, bundle = eve._context.storage, BundleFile.create(str(file))
    for folder in ("config.toml", "packs", "objects", "journal"):
        for key in [folder] if "." in folder else storage.list(folder):
            value = storage.get(key)
            if value and key != "journal/applied":
                bundle.put(key, value.data, ABSENT)
    bundle.finish()
    bundle.close()
    return file


@pytest.mark.parametrize("fill", FILLS)
def test_chunks_and_recipes_that_lie_are_refused_in_bundles(fill: Fill, team: Repository, tmp_path: Path) -> None:
    file = bundled(craft(fill), tmp_path / "eve.bundle")

    with pytest.raises(MregError):
        team.pull(file)

    assert team.artifacts() == []
    assert not team.fsck(full=True).findings


@pytest.mark.parametrize("fill", FILLS)
def test_a_clone_of_chunks_and_recipes_that_lie_is_refused(fill: Fill, tmp_path: Path) -> None:
    with pytest.raises(MregError):
        Repository.clone(craft(fill), tmp_path / "copy")

    if (tmp_path / "copy").exists():  # chunks came, and no name
        with Repository.open(tmp_path / "copy") as made:
            assert made.artifacts() == []
            assert not made.fsck(full=True).findings


@pytest.mark.parametrize("path", ["../w", "/etc/w", "a//b", "a/../b", "", ".", "a\x00b"])
def test_paths_that_lead_elsewhere_are_refused(path: str, team: Repository, tmp_path: Path) -> None:
    eve = craft(honest, path=path)

    for source in (eve, bundled(eve, tmp_path / "eve.bundle")):
        with pytest.raises(MregError):
            team.pull(source, every=True)

    assert team.artifacts() == []


@pytest.mark.parametrize("fill", FILLS)
def test_chunks_and_recipes_that_lie_are_refused(fill: Fill, team: Repository) -> None:
    eve = craft(fill)

    with pytest.raises(MregError):
        team.pull(eve, every=True)

    assert team.artifacts() == []
    assert not team.fsck(full=True).findings


def test_a_record_that_lies_about_its_files_is_refused(team: Repository) -> None:
    with pytest.raises(MregError):
        team.pull(craft(honest, size=1), every=True)

    assert team.artifacts() == []


LIES = {
    "annotation": {AnnotationKey("m", 0): "message = 3\n"},
    "link of another version": {
        ModelKey("R"): 'description = ""\ntags = []\n',
        LinkKey("R", 0): f"m:v0 {'0' * 64}",
    },
    "card without an end": {
        ModelKey("R"): 'description = ""\ntags = []\n',
        LinkKey("R", 0): "m:v0 DIGEST",
        CardKey("R"): "x" * (2 << 20),
    },
    "alias of nothing": {AliasKey("m", "best"): "latest"},
    "type": {ArtifactKey("m"): "type = 3\n"},
}


@pytest.mark.parametrize("refs", LIES.values(), ids=LIES)
def test_refs_that_lie_do_no_harm(refs: dict[Any, str], team: Repository) -> None:
    try:
        team.pull(craft(honest, refs=refs), every=True, all_aliases=True, links=True, tags=True, cards=True)
    except MregError:
        assert team.artifacts() == []

    assert not team.fsck(full=True).findings


def test_what_is_there_is_not_changed_by_a_recipe_that_lies(team: Repository, folder: Callable[..., str]) -> None:
    team.log(folder({"w": DATA}), "mine")

    try:
        team.pull(craft(wrong_order), every=True)
    except MregError:
        pass

    assert b"".join(team.read("mine", "w")) == DATA
    assert not team.fsck(full=True).findings
