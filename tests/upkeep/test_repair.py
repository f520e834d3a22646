"""`fsck --repair`: for every kind of file and every damage, what can be proven is mended, the rest stays as it is and
is named; and no wrong byte is handed out before, in between, or after."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy
import pytest

from mreg.content import packs
from mreg.content.objects import key_of as object_key
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import DamagedPack
from mreg.refs.journal import APPLIED, key_of as entry_key
from mreg.refs.keys import CONFIG, AliasKey
from mreg.refs.ref_files import Ref, encode
from mreg.repository import Repository
from mreg.session.config import DamagedConfig, NewerFormat
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.upkeep.findings import Report
from mreg.upkeep.repair import RepairOnly
from mreg.upkeep.repair_refs import rescue
from mreg.values.errors import MregError

Content = Callable[[Storage], dict[str, bytes]]
Copy = Callable[[MemoryStorage], MemoryStorage]
Reopen = Callable[[Storage], Repository]

LARGE = random.Random(5).randbytes(300_000)


def tensors(step: int) -> bytes:
    """A safetensors file of two tensors, one of which changes a little from step to step."""
    values = numpy.random.default_rng(1).standard_normal(40_000).astype("<f4")
    frozen = values[::-1].tobytes()
    values[: step * 50] += 1
    table = {
        "w": {"dtype": "F32", "shape": [40_000], "data_offsets": [0, 160_000]},
        "x": {"dtype": "F32", "shape": [40_000], "data_offsets": [160_000, 320_000]},
    }
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + values.tobytes() + frozen


FILES = {
    "mnist:v0": {"a": b"only v0", "both": b"in both"},
    "mnist:v1": {"large": LARGE, "both": b"in both", "empty": b""},
    "tuned:v0": {"model.safetensors": tensors(0)},
    "tuned:v1": {"model.safetensors": tensors(1)},
    "tuned:v2": {"model.safetensors": tensors(2)},
}


def fill(repo: Repository, folder: Callable[..., str]) -> None:
    for name, files in FILES.items():
        repo.log(folder(files), name.partition(":")[0], aliases=["best"], links=["Digits"], message=name)
    repo.set_alias("best", "mnist:v0")
    repo.remove_alias("best", "tuned")
    repo.set_card("Digits", "# Digits\n")
    repo.annotate("mnist:v1", message="noted")
    repo.use("mnist:v1", run="eval-1")
    repo.unlink("Digits:v1")
    repo.set_setting("gc.grace", "3d")


class Scene(NamedTuple):
    """A repository, and another one with other packs and entries that holds the same files."""

    repo: Repository
    storage: MemoryStorage
    other: Repository


@pytest.fixture
def scene(repo: Repository, storage: MemoryStorage, folder: Callable[..., str], tmp_path: Path) -> Scene:
    fill(repo, folder)
    other = Repository.init_storage(MemoryStorage(), "other", cache=str(tmp_path / "other"), author="bob")
    for number, files in enumerate(FILES.values()):
        other.log(folder(files | {f"more-{number}": b"more"}), "mine")
    return Scene(repo, storage, other)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda data: None,
    "emptied": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "flipped at its start": lambda data: flip(data, 0),
    "flipped after its start": lambda data: flip(data, min(40, len(data) - 1)),
    "flipped in its middle": lambda data: flip(data, len(data) // 2),
    "flipped at its end": lambda data: flip(data, len(data) - 1),
    "grown": lambda data: data + b"x",
    "zeroed": lambda data: bytes(len(data)),
}


def damaged_copies(scene: Scene, damage: str, copy_of: Copy) -> list[tuple[str, MemoryStorage]]:
    """For each key of the repository a copy of it in which that one is damaged."""
    copies = []
    for key in list(scene.storage.list("")):
        copy = copy_of(scene.storage)
        value = copy.get(key)
        assert value is not None
        data = DAMAGE[damage](value.data)
        if data is None:
            copy.delete(key)
        else:
            copy.put(key, data)
        copies.append((key, copy))
    return copies


def mend(storage: Storage, reopen: Reopen, source: Repository | None) -> tuple[Repository, Report] | None:
    """As `mreg fsck --full --repair` does; None where the repository cannot be opened."""
    rescue(storage, source._context if source else None)
    try:
        repo = reopen(storage)
    except DamagedConfig:
        return None
    return repo, repo.fsck(full=True, repair=True, source=source)


def check_never_wrong(repo: Repository, *, all_of_it: bool) -> None:
    for name, files in FILES.items():
        for path, data in files.items():
            try:
                assert b"".join(repo.read(name, path)) == data, (name, path)
            except MregError:
                assert not all_of_it, (name, path)


def without_aside(found: dict[str, bytes]) -> dict[str, bytes]:
    return {key: data for key, data in found.items() if not key.startswith("lost-found/")}


@pytest.mark.parametrize("damage", DAMAGE)
def test_from_a_copy_everything_is_mended_to_the_byte(
    damage: str, scene: Scene, copy_of: Copy, reopen: Reopen, content: Content
) -> None:
    whole, source = content(scene.storage), reopen(copy_of(scene.storage))

    for key, storage in damaged_copies(scene, damage, copy_of):
        mended = mend(storage, reopen, source)

        assert mended is not None, key
        repo, report = mended
        assert report.findings == (), key
        check_never_wrong(repo, all_of_it=True)
        found = without_aside(content(storage))
        if (key, damage) == (APPLIED, "deleted"):
            found[APPLIED] = whole[APPLIED]  # which is no damage
        assert found == whole, key
    assert content(scene.storage) == whole


@pytest.mark.parametrize("damage", DAMAGE)
def test_without_another_repository_what_the_journal_says_is_mended_and_the_rest_is_named(
    damage: str, scene: Scene, copy_of: Copy, reopen: Reopen, content: Content
) -> None:
    whole = content(scene.storage)

    for key, storage in damaged_copies(scene, damage, copy_of):
        before = content(storage)
        mended = mend(storage, reopen, None)

        assert mended is not None, key
        repo, report = mended
        if key.startswith(("objects/", "packs/")) or (key.startswith("journal/") and key != APPLIED):
            assert report.findings, key
            assert report.repaired == ()
            assert content(storage) == before, key
        else:
            assert report.findings == (), key
            found = without_aside(content(storage))
            assert found == (before if (key, damage) == (APPLIED, "deleted") else whole), key
        check_never_wrong(repo, all_of_it=not report.findings)


@pytest.mark.parametrize("damage", DAMAGE)
def test_from_another_repository_whatever_has_the_same_digest_is_mended(
    damage: str, scene: Scene, copy_of: Copy, reopen: Reopen, content: Content
) -> None:
    manifests = {object_key(scene.repo.version(name).manifest) for name in FILES}
    records = {object_key(scene.repo.version(name).digest) for name in FILES}
    whole, theirs = content(scene.storage), content(scene.other._context.storage)

    for key, storage in damaged_copies(scene, damage, copy_of):
        mended = mend(storage, reopen, scene.other)

        assert mended is not None, key
        repo, report = mended
        if key in records | manifests or (key.startswith("journal/") and key != APPLIED):
            assert report.findings, key  # it has none of these
        else:
            assert report.findings == (), key
            refs = {
                name: data for name, data in whole.items() if name.startswith(("artifacts", "alias", "reg", "runs"))
            }
            assert refs.items() <= content(storage).items()
        check_never_wrong(repo, all_of_it=not report.findings)
    assert content(scene.other._context.storage) == theirs


def test_a_manifest_is_put_back_from_any_repository_that_has_it(
    scene: Scene, folder: Callable[..., str], storage: MemoryStorage
) -> None:
    scene.other.log(folder(FILES["mnist:v0"]), "theirs")
    key = object_key(scene.repo.version("mnist:v0").manifest)
    storage.delete(key)

    report = scene.repo.fsck(repair=True, source=scene.other)

    assert report.findings == ()
    assert [(one.code, one.what) for one in report.repaired] == [("record", key)]
    check_never_wrong(scene.repo, all_of_it=True)


def test_a_version_record_is_put_back_from_the_cache(scene: Scene, storage: MemoryStorage) -> None:
    digest = scene.repo.resolve("mnist:v0").digest
    scene.repo.versions("mnist")
    storage.put(object_key(digest), b"{}")

    report = scene.repo.fsck(repair=True)

    assert report.findings == ()
    assert [(one.what, one.done) for one in report.repaired] == [(object_key(digest), "put back from the cache")]


def test_without_damage_nothing_is_changed(scene: Scene, content: Content) -> None:
    before = content(scene.storage)

    report = scene.repo.fsck(full=True, repair=True, source=scene.other)

    assert (report.findings, report.repaired) == ((), ())
    assert content(scene.storage) == before


def test_what_was_there_is_kept_aside(scene: Scene, storage: MemoryStorage, content: Content) -> None:
    storage.put("registered/Digits/card.md", b"# edited by hand\n")
    storage.put("aliases/mnist/smuggled", b"v0\n")
    storage.put("packs/junk.pack", b"junk")
    storage.put("objects/notes.txt", b"notes")
    storage.put("journal/applied.orig", b"0")

    report = scene.repo.fsck(repair=True)

    assert report.findings == ()
    assert {one.code for one in report.repaired} == {"ref", "foreign-file", "object"}
    aside = {key.split("/", 2)[2]: data for key, data in content(storage).items() if key.startswith("lost-found/")}
    assert aside == {
        "registered/Digits/card.md": b"# edited by hand\n",
        "aliases/mnist/smuggled": b"v0\n",
        "packs/junk.pack": b"junk",
        "objects/notes.txt": b"notes",
        "journal/applied.orig": b"0",
    }
    assert scene.repo.card("Digits") == "# Digits\n"


def test_refs_are_not_made_from_a_journal_that_is_not_whole(scene: Scene, storage: MemoryStorage) -> None:
    storage.delete(entry_key(2))
    storage.delete("aliases/mnist/best")
    storage.put("aliases/mnist/other", b"foreign")

    report = scene.repo.fsck(repair=True)

    assert {finding.code for finding in report.findings} >= {"journal-gap"}
    assert report.repaired == ()
    assert storage.get("aliases/mnist/best") is None
    assert storage.get("aliases/mnist/other") is not None


def test_many_damages_at_once_are_mended_from_a_copy(
    scene: Scene, copy_of: Copy, reopen: Reopen, content: Content
) -> None:
    chance = random.Random(8)
    whole, source = content(scene.storage), reopen(copy_of(scene.storage))
    for _ in range(60):
        storage = copy_of(scene.storage)
        for key in chance.sample(sorted(whole), 6):
            data = DAMAGE[chance.choice(sorted(DAMAGE))](whole[key])
            if data is None:
                storage.delete(key)
            else:
                storage.put(key, data)
        mended = mend(storage, reopen, source)

        if mended is None or mended[1].findings:  # the last entry, and with it the mark, may be gone
            last = entry_key(len(scene.repo.history()))
            assert content(storage).get(last) != whole[last] or APPLIED not in content(storage)
            continue
        check_never_wrong(mended[0], all_of_it=True)
        assert without_aside(content(storage)) | {APPLIED: whole[APPLIED]} == whole


def test_entries_are_not_taken_from_a_copy_that_went_another_way(
    scene: Scene, copy_of: Copy, reopen: Reopen, storage: MemoryStorage
) -> None:
    last = len(scene.repo.history())
    other = copy_of(storage)
    scene.repo.set_alias("best", "mnist:v1")
    fork = reopen(other)
    fork.set_alias("best", "mnist:v0") if fork.resolve("mnist:best").number else fork.set_alias("worst", "mnist:v0")
    storage.delete(entry_key(last + 1))

    report = scene.repo.fsck(repair=True, source=fork)

    assert [finding.code for finding in report.findings][:1] == ["applied-mark"]
    assert storage.get(entry_key(last + 1)) is None


def test_lost_entries_at_the_end_come_back_only_if_the_mark_or_a_ref_proves_them(
    scene: Scene, copy_of: Copy, reopen: Reopen, storage: MemoryStorage
) -> None:
    source = reopen(copy_of(storage))
    last = len(scene.repo.history())
    for seq in (last - 1, last):
        storage.delete(entry_key(seq))

    report = scene.repo.fsck(repair=True, source=source)

    assert report.findings == ()
    assert [one.what for one in report.repaired] == [entry_key(last - 1), entry_key(last)]
    storage.delete(entry_key(last))
    storage.delete(APPLIED)
    storage.delete(CONFIG)  # which the last entry moved
    assert not any("journal" in one.code for one in scene.repo.fsck(repair=True, source=source).repaired)


def test_a_damaged_base_is_brought_and_its_differences_are_left_alone(scene: Scene, storage: MemoryStorage) -> None:
    """The pack is written anew, with all else that was in it."""
    name, entry = next(
        (name, entry)
        for name in packs.pack_names(storage)
        for entry in packs.read_index(storage, name).chunks
        if any(
            entry.digest == one.base
            for two in packs.pack_names(storage)
            for one in packs.read_index(storage, two).chunks
        )
    )
    key = packs.key_of(name)
    value = storage.get(key)
    assert value is not None
    storage.put(key, flip(value.data, entry.offset + entry.stored // 2))
    before = set(packs.pack_names(storage))
    assert {one for finding in scene.repo.fsck(full=True).findings for one in finding.hurts} == {
        "tuned:v0",
        "tuned:v1",
        "tuned:v2",
    }

    report = scene.repo.fsck(full=True, repair=True, source=scene.other)

    assert report.findings == ()
    after = set(packs.pack_names(storage))
    assert before - after == {name} and len(after) == len(before)
    assert "1 chunk " in next(one.done for one in report.repaired if one.code == "chunk")
    check_never_wrong(scene.repo, all_of_it=True)
    assert scene.repo.history()[-1].command == "fsck --repair"
    scene.repo.gc(grace=0)
    check_never_wrong(scene.repo, all_of_it=True)


def test_what_the_other_has_is_brought_though_it_has_not_all(
    scene: Scene, storage: MemoryStorage, folder: Callable[..., str], tmp_path: Path
) -> None:
    scarce = Repository.init_storage(MemoryStorage(), "scarce", cache=str(tmp_path / "scarce"))
    scarce.log(folder({"a": b"only v0"}), "some")
    (pack,) = Context(storage, "memory").journal.entry(1).packs
    value = storage.get(packs.key_of(pack))
    assert value is not None
    data = value.data
    for entry in packs.read_index(storage, pack).chunks:
        data = flip(data, entry.offset)
    storage.put(packs.key_of(pack), data)

    report = scene.repo.fsck(full=True, repair=True, source=scarce)

    assert [(finding.code, finding.hurts) for finding in report.findings] == [("chunk", ("mnist:v0", "mnist:v1"))]
    assert b"".join(scene.repo.read("mnist:v0", "a")) == b"only v0"
    with pytest.raises(MregError):
        b"".join(scene.repo.read("mnist:v0", "both"))
    assert scene.repo.fsck(full=True, repair=True, source=scene.other).findings == ()
    check_never_wrong(scene.repo, all_of_it=True)


def test_a_source_that_is_damaged_itself_gives_nothing_that_is_not_whole(
    scene: Scene, copy_of: Copy, reopen: Reopen, storage: MemoryStorage
) -> None:
    other = copy_of(storage)
    for name in packs.pack_names(storage):
        for place in (other, storage):
            value = place.get(packs.key_of(name))
            assert value is not None
            first, *_ = packs.read_index(storage, name).chunks or [None]
            assert first is not None
            place.put(packs.key_of(name), flip(value.data, first.offset))

    report = scene.repo.fsck(full=True, repair=True, source=reopen(other))

    assert {finding.code for finding in report.findings} == {"chunk"}
    assert report.repaired == ()
    check_never_wrong(scene.repo, all_of_it=False)


def test_a_pack_of_which_nothing_is_needed_is_given_up(scene: Scene, storage: MemoryStorage) -> None:
    scene.repo.remove("mnist:v0", force=True)
    with PackWriter(storage) as writer:
        writer.add(bytes(32), b"not what its digest says")
        loose = writer.publish()

    report = scene.repo.fsck(full=True, repair=True)

    assert report.findings == ()
    assert loose not in packs.pack_names(storage)
    assert any(key.endswith(packs.key_of(loose)) for key in storage.list("lost-found"))


def test_an_unreadable_pack_goes_when_its_files_are_logged_again(
    scene: Scene, storage: MemoryStorage, folder: Callable[..., str], content: Content
) -> None:
    (pack,) = Context(storage, "memory").journal.entry(1).packs
    storage.put(packs.key_of(pack), b"unreadable")
    scene.repo._context.index.start_anew(scene.repo._context.journal.look())
    scene.repo.log(folder(FILES["mnist:v0"]), "again")

    report = scene.repo.fsck(full=True, repair=True)

    assert report.findings == ()
    assert [(one.code, one.what) for one in report.repaired] == [("pack", packs.key_of(pack))]
    assert b"unreadable" in content(storage).values()
    check_never_wrong(scene.repo, all_of_it=True)


def test_a_newer_format_is_not_taken_for_damage(scene: Scene, storage: MemoryStorage) -> None:
    storage.put(CONFIG, encode(CONFIG, Ref('format = 9\nid = "x"\n', 0)))

    with pytest.raises(NewerFormat):
        rescue(storage, None)


def test_a_source_without_a_repair_is_refused(scene: Scene) -> None:
    with pytest.raises(RepairOnly):
        scene.repo.fsck(source=scene.other)


@pytest.mark.parametrize("kind", ["refs", "journal", "data"])
def test_a_repair_that_dies_at_any_call_can_be_repeated(kind: str, scene: Scene, copy_of: Copy, reopen: Reopen) -> None:
    broken = copy_of(scene.storage)
    source = reopen(copy_of(scene.storage)) if kind == "journal" else scene.other
    if kind == "refs":
        for key in ("aliases/mnist/best", "registered/Digits/links", "artifacts/mnist/v1", CONFIG, APPLIED):
            broken.put(key, b"damaged")
        broken.put("aliases/mnist/foreign", b"v0")
    elif kind == "journal":
        for seq in (1, 3, 4):
            broken.put(entry_key(seq), b"damaged")
    else:
        for seq, at in ((1, 32), (3, 40), (4, 33)):
            key = packs.key_of(Context(broken, "memory").journal.entry(seq).packs[-1])
            value = broken.get(key)
            assert value is not None
            broken.put(key, flip(value.data, at))
        key = packs.key_of(Context(broken, "memory").journal.entry(2).packs[-1])
        broken.put(key, b"unreadable")
    counted = FaultyStorage(copy_of(broken), 0, Crash)
    mended = mend(counted, reopen, source)
    assert mended is not None and mended[1].findings == ()
    assert counted.calls >= 3

    for after in (False, True):
        for n in range(1, counted.calls + 1):
            storage = copy_of(broken)
            with pytest.raises(Crash):
                mend(FaultyStorage(storage, n, Crash, after=after, dead=True), reopen, source)
            again = mend(storage, reopen, source)
            assert again is not None and again[1].findings == (), n
            check_never_wrong(again[0], all_of_it=True)


def test_repairs_beside_writers_lose_nothing_of_theirs(
    scene: Scene, storage: MemoryStorage, reopen: Reopen, folder: Callable[..., str]
) -> None:
    """Refs, and a chunk that a new pack is committed for, are mended while aliases move and versions are logged."""
    rounds = 12
    at = [folder({"a": b"round %d" % number}) for number in range(rounds)]
    writer = reopen(storage)

    def write() -> None:
        for number in range(rounds):
            writer.log(at[number], "busy", aliases=["last"])
            writer.set_alias("best", f"mnist:v{number % 2}")

    (pack,) = Context(storage, "memory").journal.entry(1).packs
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        for _ in range(rounds):
            storage.put("registered/Digits/card.md", b"damaged")
            storage.put("aliases/mnist/foreign", b"v0")
            present = storage.get(packs.key_of(pack))
            if present:
                storage.put(packs.key_of(pack), flip(present.data, 33))
            scene.repo.fsck(full=True, repair=True, source=scene.other)
        writing.result()

    assert scene.repo.fsck(full=True, repair=True, source=scene.other).findings == ()
    check_never_wrong(scene.repo, all_of_it=True)
    assert scene.repo.resolve("busy:last").name == f"busy:v{rounds - 1}"
    assert scene.repo.resolve("mnist:best").name == f"mnist:v{(rounds - 1) % 2}"
    for number in range(rounds):
        assert b"".join(scene.repo.read(f"busy:v{number}", "a")) == b"round %d" % number


def test_unfinished_work_is_dropped_when_nobody_can_be_at_it_any_more(scene: Scene, storage: MemoryStorage) -> None:
    old, young = storage.stage(), storage.stage()
    for staged in (old, young):
        staged.write(b"ten bytes.")
    old.touched -= 2 * 86400

    report = scene.repo.fsck(repair=True)

    assert [(one.code, one.done) for one in report.repaired] == [
        ("leftover", "10 bytes of old unfinished work deleted")
    ]
    with pytest.raises(FileNotFoundError):
        storage.put("objects/old", old)
    storage.put("objects/young", young)


def test_a_rule_that_an_entry_broke_stays_broken_and_is_named(
    scene: Scene, storage: MemoryStorage, content: Content
) -> None:
    scene.repo._context.commit("planted", lambda draft: draft.set(AliasKey("mnist", "nowhere"), "v9"))
    before = content(storage)

    report = scene.repo.fsck(full=True, repair=True, source=scene.other)

    assert [(finding.code, finding.what) for finding in report.findings] == [("pointer", "aliases/mnist/nowhere")]
    assert report.repaired == ()
    assert content(storage) == before


def test_what_a_deleted_version_needs_within_the_grace_is_no_garbage(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    files = {name: random.Random(name).randbytes(40_000) for name in "abc"}
    repo.log(folder(files), "m")
    repo.log(folder({"other": b"v1"}), "m")
    repo.remove("m:v0")
    (pack,) = Context(storage, "memory").journal.entry(1).packs
    value = storage.get(packs.key_of(pack))
    assert value is not None
    storage.put(packs.key_of(pack), flip(value.data, packs.read_index(storage, pack).chunks[0].offset))

    report = repo.fsck(full=True, repair=True)

    assert report.repaired == ()
    assert [(one.code, one.hurts) for one in report.findings] == [("chunk", ("m:v0 (deleted)",))]
    repo.undo(3)
    whole = 0
    for path, data in files.items():
        try:
            assert b"".join(repo.read("m:v0", path)) == data
            whole += 1
        except MregError:
            pass
    assert whole == 2


def test_a_damaged_record_of_a_version_deleted_within_the_grace_stays(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], age: Callable[[float], None]
) -> None:
    repo.log(folder({"a": b"v0"}), "m")
    repo.log(folder({"a": b"v1"}), "m")
    digest = repo.resolve("m:v0").digest
    repo.remove("m:v0")
    repo._context.index.start_anew(repo._context.journal.look())
    storage.put(object_key(digest), b"damaged")

    report = repo.fsck(repair=True)

    assert report.repaired == ()
    assert [(one.code, one.what, one.hurts) for one in report.findings] == [
        ("record", object_key(digest), ("m:v0 (deleted)",))
    ]
    assert storage.stat(object_key(digest)) is not None
    age(15 * 86400)
    assert [one.code for one in repo.fsck(repair=True).repaired] == ["object"]


def lose_the_pack_of_a_deleted_version(repo: Repository, storage: MemoryStorage, folder: Callable[..., str]) -> str:
    """The key of the pack."""
    repo.log(folder({"a": b"v0" * 500}), "m")
    repo.log(folder({"a": b"v1" * 500}), "m")
    repo.remove("m:v0")
    (pack,) = Context(storage, "memory").journal.entry(1).packs
    return packs.key_of(pack)


def test_a_lost_pack_that_only_a_deleted_version_needs_is_named_and_put_back(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], copy_of: Copy, reopen: Reopen
) -> None:
    key = lose_the_pack_of_a_deleted_version(repo, storage, folder)
    backup = reopen(copy_of(storage))
    storage.delete(key)
    assert [(one.code, one.what, one.hurts) for one in repo.fsck().findings] == [("pack", key, ("m:v0 (deleted)",))]
    assert repo.fsck(repair=True).repaired == ()

    report = repo.fsck(repair=True, source=backup)

    assert [one.what for one in report.repaired] == [key]
    assert report.findings == ()
    repo.undo(3)
    assert b"".join(repo.read("m:v0", "a")) == b"v0" * 500


def test_a_lost_pack_that_nothing_needs_any_more_is_given_up_so_that_gc_goes_on(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], age: Callable[[float], None]
) -> None:
    key = lose_the_pack_of_a_deleted_version(repo, storage, folder)
    storage.delete(key)
    age(15 * 86400)
    with pytest.raises(DamagedPack):
        repo.gc()
    assert [(one.code, one.what, one.hurts) for one in repo.fsck().findings] == [("pack", key, ())]

    report = repo.fsck(repair=True)

    assert [(one.code, one.what) for one in report.repaired] == [("pack", key)]
    assert report.findings == ()
    repo.gc()
    assert b"".join(repo.read("m:v1", "a")) == b"v1" * 500
    assert repo.fsck(full=True).findings == ()
