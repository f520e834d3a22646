"""fsck names what breaks a rule of the format though no byte is damaged: changes that mreg would not make, and files
that are none of its own. Each is planted by a commit that asks for nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mreg.content import packs
from mreg.content.objects import DamagedObject, ObjectsAt, key_of as object_key
from mreg.content.pack_writer import PackWriter
from mreg.refs import ref_files
from mreg.refs.journal import Change, DamagedJournal, Entry, key_of as entry_key
from mreg.refs.keys import parse
from mreg.refs.ref_files import Ref
from mreg.repository import Repository
from mreg.session import config
from mreg.session.config import DamagedSetting
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage
from mreg.upkeep.findings import Finding
from mreg.values import canonical
from mreg.values.errors import Damaged


def plant(storage: MemoryStorage, changes: dict[str, str | None], **more: tuple[str, ...]) -> str:
    """Commit these refs as they are; the key of the entry."""

    def build(draft: Any) -> None:
        draft.new.update({parse(key): value for key, value in changes.items()})
        for name, value in more.items():
            setattr(draft, name, value)

    entry = Context(storage, "memory").commit("planted", build).entry
    assert entry is not None
    return entry_key(entry.seq)


@pytest.fixture
def repo_with_two(repo: Repository, folder: Callable[..., str]) -> Repository:
    repo.log(folder({"a": b"zero"}), "mnist", aliases=["best"], links=["Digits"])
    repo.log(folder({"a": b"one"}), "mnist")
    repo.use("mnist:v1", run="eval")
    return repo


def found(repo: Repository) -> set[tuple[str, str]]:
    return {(finding.code, finding.what) for finding in repo.fsck(full=True).findings}


RULES: list[tuple[str, dict[str, str | None], str]] = [
    ("a key of no folder's form", {"artifacts/mnist/notes": "x"}, "name"),
    ("a name that no system likes", {"artifacts/con/artifact.toml": 'type = "model"\ndescription = ""\n'}, "name"),
    ("an alias that is a number", {"aliases/mnist/v7": "v0"}, "name"),
    ("an alias in capitals", {"aliases/mnist/BEST": "v0"}, "name"),
    ("a name in capitals", {"artifacts/MNIST/artifact.toml": 'type = "model"\ndescription = ""\n'}, "name"),
    ("a model called as an artifact", {"registered/mnist/model.toml": 'description = ""\ntags = []\n'}, "name"),
    ("a run without a version", {"runs/eval#abc": "mnist:v0"}, "name"),
    ("a run that used nothing", {f"runs/eval#{'0' * 64}": "mnist"}, "pointer"),
    ("an alias of nothing", {"aliases/mnist/worst": "v9"}, "pointer"),
    ("an alias with a word", {"aliases/mnist/worst": "best"}, "pointer"),
    ("a version that is no digest", {"artifacts/mnist/v2": "zero"}, "pointer"),
    ("an annotation with another key", {"artifacts/mnist/v0.toml": 'message = "x"\nx = 1\n'}, "pointer"),
    ("an artifact without its keys", {"artifacts/mnist/artifact.toml": 'type = "model"\n'}, "pointer"),
    ("a model with more keys", {"registered/Digits/model.toml": 'description = ""\ntags = []\nx = 1\n'}, "pointer"),
    ("tags out of order", {"registered/Digits/model.toml": 'description = ""\ntags = ["b", "a"]\n'}, "pointer"),
    ("a tag that is none", {"registered/Digits/model.toml": 'description = ""\ntags = ["a  b"]\n'}, "pointer"),
    ("a setting of another kind", {"config.toml": None}, "config"),
]


@pytest.mark.parametrize(("changes", "code"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_a_ref_that_breaks_a_rule_is_named(
    changes: dict[str, str | None], code: str, repo_with_two: Repository, storage: MemoryStorage
) -> None:
    if "config.toml" in changes:
        text = f'format = 2\nid = "{repo_with_two.id}"\n[gc]\nkeep-last = "three"\n'
        changes = {"config.toml": text}
    plant(storage, changes)

    assert found(repo_with_two) == {(code, key) for key in changes}


@pytest.mark.parametrize(
    "key",
    [
        "artifacts/mnist",
        "artifacts/mnist/v3/x",
        "aliases/mnist/best/more",
        "runs/eval/more#v0",
        "runs/..#" + "3" * 64,
        "runs/#" + "3" * 64,
        "aliases/../journal/applied",
        "config.toml/x",
        "packs/ab/cdef",
    ],
)
def test_an_entry_that_moves_what_can_be_no_ref_is_damaged_for_all(
    key: str, repo_with_two: Repository, storage: MemoryStorage
) -> None:
    repo, last = repo_with_two, len(repo_with_two.history())
    head = repo_with_two._context.journal.look().head
    made = Entry(last + 1, head.digest, "id", "2026-01-01T00:00:00.000000Z", "eve", "h", "c", (Change(key, None, "x"),))
    storage.put(entry_key(last + 1), made.to_bytes())

    assert {(code, what) for code, what in found(repo)} == {("journal-entry", entry_key(last + 1))}
    for ask in (
        lambda: repo.undo(last + 1),
        lambda: repo.set_alias("best", "mnist:v0"),
        lambda: repo.gc(grace=0),
        repo.artifacts,
        repo.history,
        lambda: repo.resolve("mnist"),
    ):
        with pytest.raises(DamagedJournal):
            ask()
    repo.fsck(repair=True)


@pytest.mark.parametrize(
    "settings",
    [".".join(["a"] * 3000) + " = 1\n", "[gc\n", '[gc]\nkeep-last = "three"\n'],
    ids=["nested too deeply", "no TOML", "a setting of another kind"],
)
def test_a_config_that_an_entry_not_yet_applied_damages_is_named(
    settings: str, repo_with_two: Repository, storage: MemoryStorage
) -> None:
    head = repo_with_two._context.journal.look().head
    before = f'format = 2\nid = "{repo_with_two.id}"\n'
    made = Entry(
        head.seq + 1,
        head.digest,
        "id",
        "2026-01-01T00:00:00.000000Z",
        "eve",
        "h",
        "c",
        (Change("config.toml", before, before + settings),),
        format=2,
    )
    storage.put(entry_key(made.seq), made.to_bytes())
    file = storage.get("config.toml")

    assert found(repo_with_two) == {("config", entry_key(made.seq))}
    assert repo_with_two.fsck(repair=True).repaired == ()
    assert storage.get("config.toml") == file, "a repair does not apply it"
    ref_files.apply(storage, made)
    assert found(repo_with_two) == {("config", "config.toml")}


def test_a_version_that_is_no_digest_is_damage_for_who_reads_it(
    repo_with_two: Repository, storage: MemoryStorage
) -> None:
    plant(storage, {"artifacts/mnist/v2": "x/../y"})

    for ask in (
        lambda: repo_with_two.versions("mnist"),
        repo_with_two.usage,
        lambda: repo_with_two.resolve("mnist:v2"),
    ):
        with pytest.raises(Damaged):
            ask()


IMPOSSIBLE = {
    "lock.timeout": ['"x"', '"nan"', "30"],
    "gc.grace": ['"-1d"', '"inf"', '""'],
    "gc.keep-last": ["-1", "1234567890", "true", "1.5"],
    "gc.older-than": ['"1e20"'],
    "log.compress": ['"true"', "1"],
    "log.exclude": ["[1]", '"*"', '["a", []]'],
    "core.shared": ['"everybody"', "[]"],
}
VALUES = [(name, value) for name, values in IMPOSSIBLE.items() for value in values]


@pytest.mark.parametrize(("name", "value"), VALUES, ids=map("=".join, VALUES))
def test_a_setting_that_no_writer_gives_is_named_and_can_be_set_right(
    repo_with_two: Repository, storage: MemoryStorage, folder: Callable[..., str], name: str, value: str
) -> None:
    """Of the right type or not."""
    repo, (section, _, key) = repo_with_two, name.partition(".")
    text = f'format = 2\nid = "{repo.id}"\n[{section}]\n{key} = {value}\n'
    plant(storage, {"config.toml": text})
    default = config.SETTINGS[name].default

    assert found(repo) == {("config", "config.toml")}
    with pytest.raises(DamagedSetting, match=name):
        repo.setting(name)
    sound, faults = repo.sound_settings()
    assert (list(faults), len(sound)) == ([name], len(config.SETTINGS) - 1)
    if name == "lock.timeout":
        with pytest.raises(DamagedSetting):
            repo.set_alias("best", "mnist:v1")
    if name == "gc.grace":
        with pytest.raises(DamagedSetting):
            repo.gc()
    if name.startswith("log."):
        with pytest.raises(DamagedSetting):
            repo.log(folder({"a": b"two"}), "mnist")

    other = "gc.keep-last" if name != "gc.keep-last" else "gc.grace"
    repo.set_setting(other, "5")
    assert repo.setting(other) in (5, "5")
    given = " ".join(default) if isinstance(default, list) else str(default).lower()
    assert repo.set_setting(name, given) == default
    assert repo.settings()[name] == default
    assert found(repo) == set()


HOSTILE_RECORDS = [
    {"created": "2026-01-01"},
    {"created": "2026-01-01T00:00:00.000000"},
    {"metadata": {"x": 10**400}},
    {"metadata": {"x": [0] * (2 << 20)}},
    {"metadata": {"x": [{"y": None}]}},
    {"inputs": [["no reference", "0" * 64]]},
]


@pytest.mark.parametrize("change", HOSTILE_RECORDS, ids=["date", "no zone", "integer", "large", "null", "input"])
def test_a_version_record_that_no_writer_writes_is_named(
    repo_with_two: Repository, storage: MemoryStorage, change: dict[str, Any]
) -> None:
    sound = Context(storage, "memory").objects.get(repo_with_two.resolve("mnist:v0").digest)
    data = canonical.dumps(json.loads(sound) | change)
    name = ObjectsAt(storage, {}.get).put(data)
    plant(storage, {"artifacts/mnist/v2": name})

    (finding,) = repo_with_two.fsck(full=True).findings

    assert (finding.code, finding.what, finding.hurts) == ("record", object_key(name), ("mnist:v2",))
    for read in (lambda: repo_with_two.versions("mnist"), lambda: repo_with_two.version("mnist:v2")):
        with pytest.raises(DamagedObject):
            read()


def test_a_number_that_was_left_out_is_named(repo_with_two: Repository, storage: MemoryStorage) -> None:
    digest = repo_with_two.resolve("mnist:v0").digest
    plant(storage, {"artifacts/mnist/v5": digest})

    assert found(repo_with_two) == {("numbers", "artifacts/mnist")}


def test_a_version_that_became_another_one_is_named_and_hurts_it(
    repo_with_two: Repository, storage: MemoryStorage
) -> None:
    entry = plant(storage, {"artifacts/mnist/v1": repo_with_two.resolve("mnist:v0").digest})

    (finding,) = repo_with_two.fsck(full=True).findings

    assert finding == Finding("journal-change", entry, "it makes another version of mnist:v1", ("mnist:v1",))


def test_an_alias_that_is_called_like_a_properties_file_is_no_damage(repo_with_two: Repository) -> None:
    for alias in ("artifact.toml", "model.toml", "notes.toml", "card.md"):
        repo_with_two.set_alias(alias, "mnist:v0")

    assert found(repo_with_two) == set()


def test_a_version_whose_pack_no_entry_names_is_hurt(
    repo_with_two: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    name = next(iter(Context(storage, "memory").journal.entry(1).packs))
    plant(storage, {}, drops=(packs.key_of(name),))

    (finding,) = repo_with_two.fsck().findings

    assert (finding.code, finding.what, finding.hurts) == ("file", "a", ("mnist:v0",))
    assert "no pack named in the journal" in finding.reason
    repo_with_two.log(folder({"a": b"zero"}), "again")
    assert found(repo_with_two) == set()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "artifacts/mnist/v0",
        "journal/applied",
        "packs",
        f"packs/{'a' * 62}.pack",
        f"packs/aa/{'a' * 61}.pack",
        f"packs/a/{'a' * 63}.pack",
        f"packs/aa/{'A' * 62}.pack",
        f"packs/aa/{'a' * 62}",
        f"objects/aa/../{'a' * 62}",
        f"objects/aa/{'a' * 62}\n",
    ],
)
def test_an_entry_that_drops_what_can_be_no_data_is_named(
    key: str, repo_with_two: Repository, storage: MemoryStorage
) -> None:
    possible = (packs.key_of("a" * 64), object_key("b" * 64), "objects/notes.txt")

    entry = plant(storage, {}, drops=(*possible, key))

    assert found(repo_with_two) == {("journal-change", entry)}


def test_a_pack_that_nothing_names_is_no_damage(
    repo_with_two: Repository, storage: MemoryStorage, repo: Repository
) -> None:
    with PackWriter(storage) as writer:
        writer.add(bytes(32), b"not what its digest says")
        loose = writer.publish()

    (finding,) = repo_with_two.fsck(full=True).findings

    assert (finding.code, finding.hurts) == ("chunk", ())
    assert finding.what.startswith(packs.key_of(loose))


@pytest.mark.parametrize(
    "key",
    [
        "journal/applied.bak",
        "journal/000000/000000009.json.orig",
        "journal/000000/zzz",
        "packs/junk.pack",
        "packs/ab/notes.txt",
        "aliases/mnist/worst",
        "runs/other",
        "artifacts/mnist/v9",
        "artifacts/other/artifact.toml",
        "registered/Digits/card.md",
    ],
)
def test_a_file_of_another_origin_is_named(key: str, repo_with_two: Repository, storage: MemoryStorage) -> None:
    storage.put(key, ref_files.encode(key, Ref("v0", 1)))

    assert found(repo_with_two) == {("foreign-file", key)}


def test_an_object_that_is_called_like_none_is_named(repo_with_two: Repository, storage: MemoryStorage) -> None:
    storage.put("objects/notes.txt", b"mine")
    storage.put(object_key("f" * 64), b"{}")

    assert found(repo_with_two) == {("object", "objects/notes.txt"), ("object", object_key("f" * 64))}


def test_of_two_damaged_packs_each_names_the_versions_that_it_hurts(
    repo_with_two: Repository, storage: MemoryStorage
) -> None:
    journal = Context(storage, "memory").journal
    names = [next(iter(journal.entry(seq).packs)) for seq in (1, 2)]
    for name in names:
        storage.put(packs.key_of(name), b"gone")

    hurts = {finding.what: finding.hurts for finding in repo_with_two.fsck().findings if finding.code == "pack"}

    assert hurts == {packs.key_of(names[0]): ("mnist:v0",), packs.key_of(names[1]): ("mnist:v1",)}


def test_a_damaged_base_hurts_all_versions_that_are_differences_to_it(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    for step in range(3):
        repo.log(folder({"model.safetensors": tensors(step)}), "tuned")
    (base,) = {
        entry.base
        for name in packs.pack_names(storage)
        for entry in packs.read_index(storage, name).chunks
        if entry.base is not None
    } - {None}
    first = next(iter(Context(storage, "memory").journal.entry(1).packs))
    (entry,) = [entry for entry in packs.read_index(storage, first).chunks if entry.digest == base]
    value = storage.get(packs.key_of(first))
    assert value is not None
    data = bytearray(value.data)
    data[entry.offset + entry.stored // 2] ^= 1
    storage.put(packs.key_of(first), bytes(data))

    hurts = {version for finding in repo.fsck(full=True).findings for version in finding.hurts}

    assert hurts == {"tuned:v0", "tuned:v1", "tuned:v2"}


def tensors(step: int) -> bytes:
    """A safetensors file of one tensor, which changes a little from step to step."""
    import json

    import numpy

    values = numpy.random.default_rng(1).standard_normal(60_000).astype("<f4")
    values[step * 1000 : step * 1000 + 50 * step] += 1
    header = json.dumps({"w": {"dtype": "F32", "shape": [60_000], "data_offsets": [0, 240_000]}}).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + values.tobytes()
