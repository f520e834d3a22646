"""Repositories as earlier releases wrote them stay readable, with all that was in them.

`data/repository-<number>.tar.gz` is the `.mreg` folder, `.json` what must be read from it. Neither is ever
changed; a new format, also of packs only, gets files of its own. Repository 1 has format 1, and so have its packs. Each
is the one before with more in it: 2 packs of format 2, 3 what only a repository of format 2 can hold.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from make_repository_1 import describe
from make_repository_3 import describe_more

from mreg import Repository
from mreg.content import objects, packs
from mreg.operations.resolve import NotHere
from mreg.storage.local import LocalStorage
from mreg.values.digest import digest
from mreg.values.errors import NotFound

DATA = Path(__file__).parent / "data"
EXPECTED: dict[int, Any] = {
    number: json.loads((DATA / f"repository-{number}.json").read_text("utf-8")) for number in (1, 2, 3)
}
ALL = [(number, name) for number in EXPECTED for name in EXPECTED[number]["versions"]]


@pytest.fixture(params=EXPECTED)
def number(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def repo(tmp_path: Path, number: int) -> Iterator[Repository]:
    with tarfile.open(DATA / f"repository-{number}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with Repository.open(tmp_path, cache=str(tmp_path / "cache"), author="test") as repository:
        yield repository


def test_an_old_repository_is_sound(repo: Repository) -> None:
    assert repo.fsck(full=True).findings == ()


def test_an_old_repository_says_what_it_said(repo: Repository, number: int) -> None:
    expected = {key: value for key, value in EXPECTED[number].items() if key != "more"}
    assert json.loads(json.dumps(describe(repo))) == expected


def test_what_only_format_2_can_hold_is_what_it_was(repo: Repository, number: int) -> None:
    if "more" in EXPECTED[number]:
        assert json.loads(json.dumps(describe_more(repo))) == EXPECTED[number]["more"]
        for name in ("counted:v0", "counted:v1"):
            with pytest.raises(NotHere):
                repo.resolve(name)
        assert any(objects.dropped_by(key) for key in LocalStorage(repo.location).list("objects"))
    else:
        assert repo.format == 1


@pytest.mark.parametrize(("number", "name"), ALL)
def test_the_files_of_an_old_repository_have_the_bytes_they_had(
    repo: Repository, tmp_path: Path, number: int, name: str
) -> None:
    expected = EXPECTED[number]["versions"][name]["files"]
    copies = [repo.get(name, tmp_path / "got").path, repo.use(name)]

    for copy in copies:
        found = {
            path.relative_to(copy).as_posix(): [
                path.stat().st_size,
                digest(path.read_bytes()),
                os.access(path, os.X_OK) and bool(path.stat().st_mode & 0o100),
            ]
            for path in Path(copy).rglob("*")
            if path.is_file()
        }
        assert found == expected


@pytest.mark.parametrize("reference", EXPECTED[1]["deleted"])
def test_what_was_deleted_from_an_old_repository_stays_deleted(repo: Repository, reference: str) -> None:
    with pytest.raises(NotFound):
        repo.resolve(reference)


def test_an_old_repository_goes_on_with_its_numbers(repo: Repository, number: int, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_bytes(b"new")

    made = repo.log(tmp_path / "new", "digits", links=["Reader"])

    assert (made.version.name, made.links) == ("digits:v4", ("Reader:v3",))
    assert repo.history()[-1].seq == EXPECTED[number]["history"][-1][0] + 1
    assert repo.fsck(full=True).findings == ()
    got = repo.get("digits:best", tmp_path / "best").path
    assert (
        digest(Path(got, "notes.bin").read_bytes())
        == EXPECTED[number]["versions"]["digits:v2"]["files"]["notes.bin"][1]
    )


def test_logging_what_an_old_repository_has_stores_nothing(repo: Repository, tmp_path: Path) -> None:
    """The cuts may change from release to release; then this test is about to be given a reason."""
    path = repo.get("digits:v2", tmp_path / "copy").path

    again = repo.log(path, "copy")

    assert (again.version.name, again.stored) == ("copy:v0", 0)
    assert repo.fsck(full=True).findings == ()


def test_the_packs_are_of_every_format_and_codec_up_to_the_repositorys_number(repo: Repository, number: int) -> None:
    storage = LocalStorage(repo.location)
    names = list(packs.pack_names(storage))
    headers = {storage.read(packs.key_of(name), 8, 4)[0] for name in names}
    entries = [entry for name in names for entry in packs.read_index(storage, name).chunks]

    assert headers == set(range(1, min(number, 2) + 1))
    assert {entry.codec for entry in entries} == ({0} if number == 1 else {0, 1, 2})
    assert max(entry.position for entry in entries) == (0 if number == 1 else 8)
