"""Names of any script go through everything that a repository does with names: docs/format.md 2.6 to 2.8."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from mreg.operations.aliases import AliasTaken
from mreg.operations.collections import NameTaken
from mreg.refs import keys
from mreg.refs.keys import AliasKey, ArtifactKey, CardKey, LinkKey, RunKey, VersionKey
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.testing.names import DecomposedNames
from mreg.values.formats import NeedsFormat
from mreg.values.names import InvalidName, check_alias, check_name, fold

STORES: dict[str, Callable[[Path], Storage]] = {
    "memory": lambda folder: MemoryStorage(),
    "local": lambda folder: LocalStorage(folder, durable=False),
    "decomposed": lambda folder: DecomposedNames(folder, durable=False),
}
NFD = "produccio\u0301n"
NFC = "producción"


@pytest.fixture(params=STORES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    store = STORES[request.param](tmp_path / "store")
    return Repository.init_storage(store, "somewhere", cache=str(tmp_path / "cache"))


characters = st.characters(exclude_categories=("Cs",))
some_names = st.text(characters, min_size=1, max_size=12)


@given(text=some_names, other=some_names)
@example(text="LOCK.HELD", other="0")  # names of the store's own, which they are at its top only
@example(text="tmp", other="0")
@settings(max_examples=300, deadline=None)
def test_accepted_names_come_back_from_keys_files_and_listings(
    tmp_path_factory: pytest.TempPathFactory, text: str, other: str
) -> None:
    # given
    try:
        name, alias = check_name(text), check_alias(other)
    except InvalidName:
        return
    key = AliasKey(name, alias)
    digest = "0" * 64

    for make in STORES.values():
        # when
        store = make(tmp_path_factory.mktemp("names"))
        store.put(key.file, b"v0\n")
        listed = list(store.list("aliases"))

        # then
        assert listed == [str(key)]
        assert keys.parse(listed[0]) == key
        assert list(store.names("aliases")) == [name]
        assert store.get(listed[0]) is not None
    for one in (ArtifactKey(name), VersionKey(name, 0), CardKey(name), LinkKey(name, 7), RunKey(name, digest)):
        assert keys.parse(str(one)) == one and type(keys.parse(str(one))) is type(one) and keys.is_ref(one)


def test_a_whole_life_of_names_in_any_script(made: Repository, folder: Callable[..., str]) -> None:
    # when
    version = made.log(folder({"w": b"1"}), NFD, aliases=["最良"], links=["модель"], run="прогон-1").version
    made.set_alias("campeo\u0301n", f"{NFD}:最良")
    made.link(f"{NFC}:v0", "модель", aliases=["лучшая"])
    made.add_tags("модель", ["हिन्दी"])
    made.use(f"{NFD}:campeo\u0301n", run="прогон-2")
    made.rename_artifact(NFD, "größe")

    # then
    assert version.name == f"{NFC}:v0"
    assert [(one.alias, one.number) for one in made.aliases("größe")] == [("campeón", 0), ("最良", 0)]
    assert made.resolve("модель:лучшая").name == "größe:v0"
    assert made.model("модель").tags == ("हिन्दी",)
    assert [one.name for one in made.artifacts()] == ["größe"]
    assert made.history(NFD)[-1].command == "artifact rename producción größe"
    made.undo(made.history()[-1].seq)
    assert made.resolve(f"{NFC}:campeón").name == f"{NFC}:v0"
    made.gc()
    assert made.fsck(full=True).findings == ()


@pytest.mark.parametrize("other", ["PRODUCCIÓN", "Producción"])
def test_a_name_that_folds_to_one_that_was_ever_in_use_is_refused(made: Repository, other: str) -> None:
    made.create_artifact(NFC)
    made.remove_artifact(NFC, force=False)

    with pytest.raises(NameTaken):
        made.create_model(other)

    assert made.create_artifact(NFD)


def test_an_alias_that_folds_to_another_is_refused(made: Repository, folder: Callable[..., str]) -> None:
    made.log(folder({"w": b"1"}), "m", aliases=["größte"])
    made.remove_alias("gro\u0308ßte", "m")

    for other in ("GRÖSSTE", "grössTE"):
        with pytest.raises(AliasTaken):
            made.set_alias(other, "m:v0")

    assert made.aliases("m") == []


def test_prefixes_end_behind_every_character(made: Repository, folder: Callable[..., str]) -> None:
    astral = "\U0001d49c\U00020000"
    made.log(folder({"w": b"1"}), "m", aliases=[astral, "\uffdc"], links=[astral])

    assert [one.alias for one in made.aliases("m")] == ["\uffdc", astral]
    assert [one.name for one in made.models()] == [astral]
    assert made.fsck().findings == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda repo, path: repo.log(path, NFC),
        lambda repo, path: repo.log(path, "m", aliases=["最良"]),
        lambda repo, path: repo.log(path, "m", links=["модель"]),
        lambda repo, path: repo.log(path, "m", run="прогон"),
        lambda repo, path: repo.create_artifact(NFC),
        lambda repo, path: repo.create_model(NFC),
        lambda repo, path: repo.create_model("x", tags=["हिन्दी"]),
        lambda repo, path: repo.set_alias("最良", "there:v0"),
        lambda repo, path: repo.link("there:v0", "модель"),
        lambda repo, path: repo.link("there:v0", "model", aliases=["最良"]),
        lambda repo, path: repo.rename_artifact("there", NFC),
        lambda repo, path: repo.add_tags("model", ["हिन्दी"]),
        lambda repo, path: repo.use("there:v0", run="прогон"),
    ],
)
def test_a_repository_of_format_1_refuses_them_before_anything_is_written(
    tmp_path: Path, folder: Callable[..., str], change: Callable[[Repository, str], object]
) -> None:
    # given
    store = MemoryStorage()
    repo = Repository.init_storage(store, "somewhere", cache=str(tmp_path / "cache"), format=1)
    repo.log(folder({"w": b"1"}), "there", links=["model"])
    repo.add_tags("model", ["größe"])
    before = list(store.list(""))

    # when
    with pytest.raises(NeedsFormat) as raised:
        change(repo, folder({"w": b"2"}))

    # then
    assert (raised.value.wanted, raised.value.found) == (2, 1)
    assert list(store.list("")) == before
    repo.upgrade()
    change(repo, folder({"w": b"2"}))
    assert repo.fsck().findings == ()


def test_an_entry_of_format_1_that_moves_such_a_name_is_damage(tmp_path: Path) -> None:
    from mreg.refs.journal import Change, Entry
    from mreg.values.canonical import Malformed

    entry = Entry(1, "0" * 64, "0" * 32, "2026-01-01T00:00:00.000000Z", "", "", "", (Change("runs/é#x", None, "x"),))

    assert Entry.from_bytes(entry.to_bytes()) == entry
    with pytest.raises(Malformed):
        Entry.from_bytes(entry._replace(format=1).to_bytes())


def test_nothing_is_folded_into_a_name_that_is_not_in_nfc() -> None:
    for text in ("PRODUCCIÓN", "ΑΣ", "İ", "ŉ"):
        assert unicodedata.is_normalized("NFC", fold(text))
