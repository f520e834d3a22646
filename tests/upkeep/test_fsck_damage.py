"""fsck names every damaged thing and the versions it hurts; whatever is damaged, no wrong byte is handed out."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mreg.content import packs
from mreg.content.objects import key_of as object_key
from mreg.refs.heading import DamagedConfig
from mreg.refs.journal import key_of as entry_key
from mreg.refs.keys import CONFIG
from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.upkeep.findings import Report
from mreg.upkeep.repair_refs import rescue
from mreg.values.digest import digest
from mreg.values.errors import Damaged, MregError

random_bytes = random.Random(3).randbytes
LARGE = random_bytes(400_000)


class Scene(NamedTuple):
    repo: Repository
    storage: MemoryStorage
    v0: Any
    v1: Any
    pack0: str
    pack1: str

    def key(self, name: str) -> str:
        """The storage key of what a test calls by its meaning."""
        return {
            "config": "config.toml",
            "first entry": entry_key(1),
            "middle entry": entry_key(4),
            "last entry": entry_key(len(self.repo.history())),
            "applied mark": "journal/applied",
            "version ref": "artifacts/mnist/v0",
            "other version ref": "artifacts/mnist/v1",
            "annotation": "artifacts/mnist/v1.toml",
            "artifact properties": "artifacts/mnist/artifact.toml",
            "model properties": "registered/Digits/model.toml",
            "card": "registered/Digits/card.md",
            "links": "registered/Digits/links",
            "alias": "aliases/mnist/best",
            "other alias": "aliases/mnist/worst",
            "run": "runs/eval-1",
            "record": object_key(self.v0.digest),
            "other record": object_key(self.v1.digest),
            "manifest": object_key(self.v0.manifest),
            "other manifest": object_key(self.v1.manifest),
            "pack": packs.key_of(self.pack0),
            "other pack": packs.key_of(self.pack1),
        }[name]


@pytest.fixture
def scene(repo: Repository, storage: MemoryStorage, folder: Callable[..., str]) -> Scene:
    v0 = repo.log(folder({"a": b"only v0", "both": b"in both"}), "mnist", aliases=["best", "worst"]).version
    (pack0,) = packs.pack_names(storage)
    v1 = repo.log(folder({"large": LARGE, "both": b"in both"}), "mnist", links=["Digits"]).version
    (pack1,) = set(packs.pack_names(storage)) - {pack0}
    repo.set_alias("worst", "mnist:v1")
    repo.set_card("Digits", "# Digits\n")
    repo.annotate("mnist:v1", message="noted")
    repo.use("mnist:v1", run="eval-1")
    repo.set_setting("gc.grace", "3d")
    return Scene(repo, storage, v0, v1, pack0, pack1)


def get(storage: Storage, key: str) -> bytes:
    value = storage.get(key)
    assert value is not None
    return value.data


def flip(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda data: None,
    "emptied": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "flipped at its start": lambda data: flip(data, 0),
    "flipped in its middle": lambda data: flip(data, len(data) // 2),
    "flipped at its end": lambda data: flip(data, len(data) - 1),
    "grown": lambda data: data + b"x",
    "zeroed": lambda data: bytes(len(data)),
}


def do(scene: Scene, name: str, damage: str) -> None:
    key = scene.key(name)
    data = DAMAGE[damage](get(scene.storage, key))
    if data is None:
        scene.storage.delete(key)
    else:
        scene.storage.put(key, data)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def hurt(report: Report) -> set[str]:
    return {version for finding in report.findings for version in finding.hurts}


def test_a_clean_repository_has_no_finding_and_all_of_it_was_looked_at(scene: Scene) -> None:
    report = scene.repo.fsck(full=True)

    assert report.findings == ()
    assert (report.entries, report.versions, report.packs) == (len(scene.repo.history()), 2, 2)
    assert report.chunks_read >= 4
    assert report.bytes_read == len(LARGE) + len(b"only v0in both")


def test_fsck_writes_nothing(scene: Scene, reopen: Callable[[Storage], Repository]) -> None:
    counted = FaultyStorage(scene.storage, 0, Crash)

    reopen(counted).fsck(full=True)

    assert counted.calls == 0


def test_a_lost_applied_mark_is_no_damage(scene: Scene) -> None:
    scene.storage.delete("journal/applied")

    assert scene.repo.fsck(full=True).findings == ()
    scene.repo.set_alias("best", "mnist:v1")
    assert scene.repo.fsck().findings == ()


# what, the codes that its damage must give, the versions that it hurts
EXPECTED: list[tuple[str, set[str], set[str]]] = [
    ("config", {"config"}, set()),
    ("version ref", {"ref"}, {"mnist:v0"}),
    ("annotation", {"ref"}, set()),
    ("artifact properties", {"ref"}, {"mnist:v0", "mnist:v1"}),
    ("model properties", {"ref"}, set()),
    ("card", {"ref"}, set()),
    ("links", {"ref"}, set()),
    ("alias", {"ref"}, set()),
    ("run", {"ref"}, set()),
    ("record", {"record"}, {"mnist:v0"}),
    ("manifest", {"record"}, {"mnist:v0"}),
    ("other manifest", {"record"}, {"mnist:v1"}),
]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("what", "expected", "hurts"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_damage_is_named_with_what_it_hurts(
    what: str, expected: set[str], hurts: set[str], damage: str, scene: Scene
) -> None:
    do(scene, what, damage)

    report = scene.repo.fsck()

    # A setting's ref is the config too; a record is named a second time by the look at all objects.
    extra = {"config": {"ref"}, "record": {"object"}}.get(min(expected), set())
    assert expected <= codes(report) <= expected | extra
    assert hurt(report) == hurts
    assert any(scene.key(what) in (finding.what, finding.what.partition("#")[0]) for finding in report.findings)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("what", ["first entry", "middle entry", "last entry"])
def test_damage_to_the_journal_is_named(what: str, damage: str, scene: Scene) -> None:
    key = scene.key(what)
    do(scene, what, damage)

    report = scene.repo.fsck()

    named = {(finding.code, finding.what) for finding in report.findings}
    if damage != "deleted":
        after = entry_key(int(key[-9 - 5 : -5]) + 1)  # where the damaged one can be parsed, the chain breaks there
        assert named & {("journal-entry", key), ("journal-entry", after)}
    elif what != "last entry":
        assert ("journal-gap", key) in named
    else:
        assert ("applied-mark", "journal/applied") in named


@pytest.mark.parametrize("damage", [damage for damage in DAMAGE if damage != "deleted"])
def test_damage_to_the_applied_mark_is_named_and_hurts_nothing(damage: str, scene: Scene) -> None:
    do(scene, "applied mark", damage)

    report = scene.repo.fsck()

    assert [(finding.code, finding.hurts) for finding in report.findings] == [("applied-mark", ())]
    scene.repo.set_alias("best", "mnist:v1")
    assert scene.repo.fsck().findings == ()


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("what", "hurts"), [("pack", {"mnist:v0", "mnist:v1"}), ("other pack", {"mnist:v1"})])
def test_damage_to_a_pack_is_named_with_the_versions_that_need_it(
    what: str, hurts: set[str], damage: str, scene: Scene
) -> None:
    do(scene, what, damage)

    report = scene.repo.fsck(full=True)

    assert report.findings
    assert codes(report) <= {"pack", "file", "chunk", "recipe"}
    assert hurt(report) <= hurts
    if damage != "flipped in its middle":  # which hits one chunk, or the index
        assert hurt(report) == hurts
        assert {finding.what for finding in report.findings if finding.code == "pack"} <= {scene.key(what)}


def test_a_flipped_chunk_is_found_by_the_full_check_and_hurts_those_that_have_it(scene: Scene) -> None:
    (shared,) = [e for e in packs.read_index(scene.storage, scene.pack0).chunks if e.digest.hex() == digest(b"in both")]
    key = scene.key("pack")
    scene.storage.put(key, flip(get(scene.storage, key), shared.offset))

    assert scene.repo.fsck().findings == ()
    (finding,) = scene.repo.fsck(full=True).findings
    assert (finding.code, finding.hurts) == ("chunk", ("mnist:v0", "mnist:v1"))
    assert finding.what.startswith(key)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("version ref", "other version ref", {"ref"}),
        ("alias", "other alias", {"ref"}),
        ("record", "other record", {"record"}),
        ("manifest", "other manifest", {"record", "object"}),
        ("pack", "other pack", {"pack", "file"}),
        ("first entry", "middle entry", {"journal-entry", "applied-mark"}),
    ],
)
def test_two_files_that_took_each_others_place_are_named(
    first: str, second: str, expected: set[str], scene: Scene
) -> None:
    one, two = scene.key(first), scene.key(second)
    data = get(scene.storage, one)
    scene.storage.put(one, get(scene.storage, two))
    scene.storage.put(two, data)

    report = scene.repo.fsck(full=True)

    assert codes(report) == expected
    assert len(report.findings) >= 2


def test_an_older_ref_file_put_back_is_named(scene: Scene) -> None:
    older = get(scene.storage, "aliases/mnist/best")
    scene.repo.set_alias("best", "mnist:v1")
    scene.storage.put("aliases/mnist/best", older)

    (finding,) = scene.repo.fsck().findings

    assert (finding.code, finding.what) == ("ref", "aliases/mnist/best")


def test_a_file_that_no_entry_made_is_named(scene: Scene) -> None:
    scene.storage.put("aliases/mnist/smuggled", get(scene.storage, "aliases/mnist/best"))

    (finding,) = scene.repo.fsck().findings

    assert (finding.code, finding.what) == ("foreign-file", "aliases/mnist/smuggled")


def test_a_loose_object_that_is_none_is_named_and_hurts_nobody(scene: Scene) -> None:
    scene.storage.put(object_key("0" * 64), b"{}")

    (finding,) = scene.repo.fsck().findings

    assert (finding.code, finding.hurts) == ("object", ())


def test_an_entry_that_is_not_applied_yet_is_no_damage(
    scene: Scene, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    with pytest.raises(Crash):
        reopen(FaultyStorage(scene.storage, 2, Crash, dead=True)).set_alias("best", "mnist:v1")

    assert scene.repo.fsck(full=True).findings == ()


# Whatever is damaged: right bytes or an error, and no error of another kind.


@pytest.mark.parametrize("damage", DAMAGE)
def test_no_damage_makes_a_repository_hand_out_wrong_bytes(
    damage: str, scene: Scene, copy_of: Callable[[MemoryStorage], MemoryStorage]
) -> None:
    right = {
        ("mnist:v0", "a"): b"only v0",
        ("mnist:v0", "both"): b"in both",
        ("mnist:v1", "large"): LARGE,
        ("mnist:v1", "both"): b"in both",
        ("Digits:v0", "large"): LARGE,
        ("mnist:best", "a"): b"only v0",
    }
    for key in list(scene.storage.list("")):
        damaged = copy_of(scene.storage)
        data = DAMAGE[damage](get(damaged, key))
        if data is None:
            damaged.delete(key)
        else:
            damaged.put(key, data)

        for (reference, path), expected in right.items():
            try:
                with Repository(Context(damaged, "memory")) as repo:
                    assert b"".join(repo.read(reference, path)) == expected, key
            except MregError:
                pass


@pytest.mark.parametrize("damage", DAMAGE)
def test_no_damage_makes_a_command_fail_with_anything_but_an_error_of_mreg(
    damage: str, scene: Scene, folder: Callable[..., str], copy_of: Callable[[MemoryStorage], MemoryStorage]
) -> None:
    at = folder({"a": b"new"})
    commands: list[Callable[[Repository], object]] = [
        lambda repo: repo.log(at, "mnist", aliases=["best"], links=["Digits"]),
        lambda repo: [repo.artifacts(), repo.models(), repo.versions("mnist"), repo.versions("Digits")],
        lambda repo: [repo.history(), repo.aliases(), repo.tags(), repo.search("a"), repo.usage(), repo.settings()],
        lambda repo: repo.annotate("mnist:v1", message="again"),
        lambda repo: repo.rename_artifact("mnist", "numbers"),
        lambda repo: repo.remove_model("Digits", force=True),
        lambda repo: repo.gc(grace=0),
        lambda repo: repo.fsck(full=True),
    ]
    for key in list(scene.storage.list("")):
        for command in commands:
            damaged = copy_of(scene.storage)
            data = DAMAGE[damage](get(damaged, key))
            if data is None:
                damaged.delete(key)
            else:
                damaged.put(key, data)
            try:
                with Repository(Context(damaged, "memory")) as repo:
                    command(repo)
            except MregError:
                pass


def hostile(folder: Path, content: dict[str, bytes], key: str) -> LocalStorage:
    """A store with this content, in which the file of this key is larger than any may be."""
    local = LocalStorage(folder / "hostile", durable=False)
    for other, data in content.items():
        local.put(other, data)
    path = folder / "hostile" / key
    path.chmod(0o644)
    os.truncate(path, 1 << 40)  # a hole: costs nothing to have
    return local


def test_a_config_of_a_size_that_none_has_is_damage_that_can_be_repaired(
    scene: Scene, tmp_path: Path, content: Callable[[Storage], dict[str, bytes]]
) -> None:
    local = hostile(tmp_path, content(scene.storage), CONFIG)

    with pytest.raises(DamagedConfig, match="it is larger than 128 MiB"):
        Context(local, "hostile")

    assert [one.what for one in rescue(local, None)] == [CONFIG]
    assert get(local, CONFIG) == get(scene.storage, CONFIG)


@pytest.mark.parametrize("what", ["version ref", "middle entry", "record", "manifest", "card"])
def test_a_file_of_a_size_that_none_has_is_damage_and_costs_no_memory(
    what: str, scene: Scene, tmp_path: Path, content: Callable[[Storage], dict[str, bytes]]
) -> None:
    local = hostile(tmp_path, content(scene.storage), scene.key(what))

    with Repository(Context(local, "hostile", author="eve")) as repo:
        report = repo.fsck()
        assert scene.key(what) in {finding.what for finding in report.findings}
        if what in ("version ref", "card"):
            assert repo.fsck(repair=True).findings == ()
            assert get(local, scene.key(what)) == get(scene.storage, scene.key(what))
        elif what != "middle entry":
            with pytest.raises(Damaged):
                repo.files("mnist:v0")
