"""Attachments: files beside a version's content, that go and come back with what they are of, and whose data is kept,
checked and given back like that of versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.content import objects, packs
from mreg.operations.attachments import SeveralFiles, UnknownAttachment
from mreg.operations.files import UnknownFile
from mreg.operations.owners import TableFull
from mreg.operations.undo import GivenUp
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values import properties
from mreg.values.errors import Damaged, NotFound
from mreg.values.formats import NeedsFormat
from mreg.values.names import InvalidName

OWNERS = ["mnist", "mnist:v0", "Digits", "Digits:v0"]
CALLED = [
    f"attachment 'report' of {owner}"
    for owner in ("artifact 'mnist'", "version mnist:v0", "registered model 'Digits'", "link 'Digits:v0'")
]


@pytest.fixture
def attach(repo: Repository, folder: Callable[..., str]) -> Callable[..., Any]:
    """Attach one file with this text."""

    def attach(reference: str, text: str, name: str = "report", **options: Any) -> Any:
        return repo.attach(reference, name, folder({"report.txt": text.encode()}), **options)

    return attach


@pytest.fixture
def filled(repo: Repository, log: Callable[..., Any], attach: Callable[..., Any]) -> Repository:
    """One attachment of each kind of owner, which tells of what it is."""
    log("mnist", "1", aliases=["best"], links=["Digits"])
    for owner in OWNERS:
        attach(owner, owner)
    return repo


def text_of(repo: Repository, reference: str) -> str:
    return b"".join(repo.read_attachment(reference, "report")).decode()


def test_each_kind_of_owner_has_attachments_of_its_own(filled: Repository) -> None:
    assert [text_of(filled, owner) for owner in OWNERS] == OWNERS
    assert text_of(filled, "mnist:best") == text_of(filled, "mnist:latest") == "mnist:v0"
    assert [(one.name, one.size, len(one.files)) for one in filled.attachments("mnist:v0")] == [("report", 8, 1)]
    assert filled.fsck(full=True).findings == ()


def test_the_version_and_its_files_stay_as_they_are(repo: Repository, log: Any, attach: Any) -> None:
    before = log("mnist", "1").version

    attach("mnist:v0", "of v0")

    assert repo.version("mnist:v0") == before
    assert [file.path for file in repo.files("mnist:v0")] == ["weights"]


def test_a_folder_is_attached_whole_and_read_file_by_file(
    filled: Repository, folder: Callable[..., str], attach: Any
) -> None:
    filled.attach("mnist:v0", "plots", folder({"a.svg": b"<a>", "deep/b.svg": b"<b>"}))

    assert b"".join(filled.read_attachment("mnist:v0", "plots", "deep/b.svg")) == b"<b>"
    with pytest.raises(SeveralFiles) as several:
        filled.read_attachment("mnist:v0", "plots")
    with pytest.raises(UnknownFile) as unknown:
        filled.read_attachment("mnist:v0", "plots", "b.svg")
    assert str(several.value) == "attachment 'plots' of 'mnist:v0' contains 2 files: name one of them"
    assert str(unknown.value) == "attachment 'plots' of version mnist:v0 has no file 'b.svg'"


def test_the_same_files_are_no_change_and_others_take_their_place(filled: Repository, attach: Any) -> None:
    assert not attach("mnist:v0", "mnist:v0")

    done = attach("mnist:v0", "better", message="asked for")

    entry = filled.history()[-1]
    assert text_of(filled, "mnist:v0") == "better"
    assert [(one.kind, one.name, one.version) for one in done.changes] == [
        ("attachment", "mnist:v0#report", "mnist:v0")
    ]
    assert (entry.message, entry.command) == ("asked for", "attach mnist:v0")
    filled.undo(entry.seq)
    assert text_of(filled, "mnist:v0") == "mnist:v0"


def test_renames_take_attachments_along(filled: Repository) -> None:
    first = filled.rename_artifact("mnist", "numbers").seq
    second = filled.rename_model("Digits", "Numerals").seq

    assert [text_of(filled, one) for one in ("numbers", "numbers:v0", "Numerals", "Numerals:v0")] == OWNERS
    assert filled.fsck(full=True).findings == ()
    filled.undo(second or 0)
    filled.undo(first or 0)
    assert [text_of(filled, one) for one in OWNERS] == OWNERS


@pytest.mark.parametrize(
    ("act", "gone"),
    [
        (lambda repo: repo.remove("mnist:v0", force=True), ["mnist:v0", "Digits:v0"]),
        (lambda repo: repo.unlink("Digits:v0"), ["Digits:v0"]),
        (lambda repo: repo.remove_model("Digits", force=True), ["Digits", "Digits:v0"]),
        (lambda repo: repo.remove_artifact("mnist", force=True), ["mnist", "mnist:v0", "Digits:v0"]),
    ],
)
def test_attachments_go_and_come_back_with_what_they_are_of(
    filled: Repository, act: Callable[[Repository], Any], gone: list[str]
) -> None:
    # when
    told = act(filled)
    filled.gc()

    # then
    for owner in gone:
        with pytest.raises(NotFound):
            filled.attachments(owner)
    assert {one.name for one in told.changes if one.kind == "attachment"} == {f"{owner}#report" for owner in gone}
    assert filled.fsck(full=True).findings == ()
    filled.undo(told.seq)
    assert [text_of(filled, owner) for owner in OWNERS] == OWNERS
    assert filled.fsck(full=True).findings == ()


@pytest.mark.parametrize("owner", OWNERS)
def test_gc_keeps_what_is_attached_and_gives_back_what_was_detached(
    filled: Repository, storage: MemoryStorage, owner: str
) -> None:
    # given
    nothing = filled.gc(grace=0)
    before = keys_of(storage)

    # when
    told = filled.detach(owner, "report")
    within_grace = filled.gc()
    swept = filled.gc(grace=0)

    # then
    assert (nothing.bytes, within_grace.bytes) == (0, 0)
    assert (swept.packs, swept.records) == (1, 1)
    assert len(before - keys_of(storage)) == 2
    assert filled.fsck(full=True).findings == ()
    assert [text_of(filled, other) for other in OWNERS if other != owner] == [one for one in OWNERS if one != owner]
    with pytest.raises(GivenUp) as raised:
        filled.undo(told.seq or 0)
    assert str(raised.value).startswith(f"entry {told.seq} cannot be undone: the files of attachment 'report' of ")


def test_what_gc_took_may_be_attached_again(filled: Repository, attach: Any) -> None:
    filled.detach("mnist:v0", "report")
    filled.gc(grace=0)

    attach("mnist:v0", "mnist:v0")

    assert text_of(filled, "mnist:v0") == "mnist:v0"
    assert filled.fsck(full=True).findings == ()
    assert filled.gc(grace=0).bytes == 0


def test_what_a_version_holds_too_stays_when_it_is_detached(repo: Repository, folder: Any) -> None:
    files = folder({"report.txt": b"shared"})
    repo.log(files, "mnist")
    repo.attach("mnist:v0", "report", files)

    repo.detach("mnist:v0", "report")
    repo.gc(grace=0)

    assert b"".join(repo.read("mnist:v0", "report.txt")) == b"shared"
    assert repo.fsck(full=True).findings == ()


def test_versions_that_expire_take_their_attachments_along(repo: Repository, log: Any, attach: Any) -> None:
    for text in "123":
        log("mnist", text)
    attach("mnist:v1", "of v1")

    swept = repo.gc(keep_last=1, grace=0)

    assert [(one.kind, one.name) for one in swept.changes][:2] == [
        ("version", "mnist:v0"),
        ("attachment", "mnist:v1#report"),
    ]
    assert repo.gc(grace=0).bytes == 0
    assert repo.fsck(full=True).findings == ()


def test_usage_counts_attachments_and_tells_what_a_deletion_frees(
    repo: Repository, log: Any, attach: Any, storage: MemoryStorage
) -> None:
    # given
    log("mnist", "1")
    alone = repo.usage("mnist").items[0]
    attach("mnist:v0", "x" * 1000)
    attach("mnist", "y" * 100)

    # when
    whole, item = repo.usage("mnist"), repo.usage("mnist").items[0]
    repo.remove("mnist:v0")
    freed = repo.gc(grace=0).bytes

    # then
    assert (whole.logical, item.logical) == (1101, 1001)
    assert freed == item.frees
    assert (item.frees or 0) > (alone.frees or 0)


def test_a_repository_of_format_1_refuses_attachments_before_anything_is_written(
    tmp_path: Any, folder: Callable[..., str], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    # given
    store = MemoryStorage()
    repo = Repository.init_storage(store, "memory", cache=str(tmp_path / "cache"), format=1)
    repo.log(folder({"w": b"1"}), "mnist")
    before = content(store)

    # when
    with pytest.raises(NeedsFormat) as raised:
        repo.attach("mnist:v0", "report", folder({"r": b"1"}))

    # then
    assert str(raised.value) == (
        "attachment 'report' of version mnist:v0 requires repository format 2; this repository has format 1"
    )
    assert content(store) == before
    assert repo.attachments("mnist:v0") == []


def test_what_is_not_there_is_told_with_the_nearest(filled: Repository) -> None:
    for act in (filled.detach, filled.read_attachment):
        with pytest.raises(UnknownAttachment) as raised:
            act("mnist", "reprot")
        assert (str(raised.value), raised.value.near) == ("'mnist' has no attachment 'reprot'", ["report"])


def test_a_name_that_cannot_be_is_refused(filled: Repository, attach: Any) -> None:
    with pytest.raises(InvalidName):
        attach("mnist", "x", name="a/b")


@pytest.mark.parametrize("lost", ["manifest", "pack"])
@pytest.mark.parametrize(("owner", "called"), list(zip(OWNERS, CALLED, strict=True)))
def test_fsck_names_the_attachment_whose_data_is_gone_and_repairs_it_from_a_copy(
    filled: Repository, storage: MemoryStorage, reopen: Any, owner: str, called: str, lost: str
) -> None:
    # given
    key = lost_key(filled, storage, owner, lost)
    copy = copy_of(storage)
    storage.delete(key)

    # when
    found = reopen(storage).fsck(full=True).findings

    # then
    assert {one.what for one in found} >= {key}
    assert {hurt for one in found for hurt in one.hurts} == {called}
    with pytest.raises(Damaged):
        filled.gc(grace=0)
    reopen(storage).fsck(full=True, repair=True, source=reopen(copy))
    assert reopen(storage).fsck(full=True).findings == ()
    assert [text_of(reopen(storage), one) for one in OWNERS] == OWNERS


def test_fsck_names_an_attachment_that_cannot_be(filled: Repository, storage: MemoryStorage) -> None:
    storage.put("artifacts/mnist/attachments", b"nothing of mreg's")

    assert ("ref", "artifacts/mnist/attachments") in {(one.code, one.what) for one in filled.fsck().findings}


def test_the_file_of_attachments_does_not_grow_beyond_its_limit(
    filled: Repository, attach: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(properties, "MAX_TABLE", 200)

    with pytest.raises(TableFull):
        attach("mnist", "x", name="second")

    assert [one.name for one in filled.attachments("mnist")] == ["report"]


def keys_of(storage: Storage) -> set[str]:
    return {*storage.list("objects"), *storage.list("packs")}


def lost_key(repo: Repository, storage: Storage, owner: str, what: str) -> str:
    """The storage key of the attachment's manifest, or of the pack that came with it."""
    (one,) = repo.attachments(owner)
    if what == "manifest":
        return objects.key_of(one.manifest)
    chunk = bytes.fromhex(one.files[0].digest)
    names = packs.pack_names(storage)
    return next(
        packs.key_of(name)
        for name in names
        if any(entry.digest == chunk for entry in packs.read_index(storage, name).chunks)
    )


def copy_of(storage: Storage) -> MemoryStorage:
    copy = MemoryStorage()
    for key in storage.list(""):
        value = storage.get(key)
        assert value is not None
        copy.put(key, value.data)
    return copy
