"""The cache is seen, and pruned beside those who use it: what was handed out within a day stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.checkout import cache as cache_module
from mreg.checkout.cache import Cache
from mreg.checkout.cache_lock import locked
from mreg.checkout.ready_copies import NoCache, ReadyCopies
from mreg.repository import Repository

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def three(repo: Repository, folder: Callable[..., str]) -> Repository:
    """Three versions of `mnist`, in use: v0 two days ago, v1 an hour more than one, v2 now."""
    for number in range(3):
        repo.log(folder({"shared.bin": b"s" * 90_000, "own.bin": b"%d" % number * 30_000}), "mnist")
        repo.use(f"mnist:v{number}")
    age(repo.use("mnist:v0"), 2 * DAY)
    age(repo.use("mnist:v1"), DAY + HOUR)
    return repo


@pytest.fixture
def cache(three: Repository, tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def age(folder: str | Path, seconds: float) -> None:
    """Let the copy look as if it had been handed out that long ago."""
    os.utime(folder, (time.time() - seconds,) * 2)


def names(copies: tuple[cache_module.ReadyCopy, ...]) -> list[str | None]:
    return [copy.name for copy in copies]


def room(folder: Path) -> int:
    """On the disk, of all files but the notes of copies."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"]
    return sum({path.stat().st_ino: path.stat().st_blocks * 512 for path in files}.values())


def test_contents_are_told_by_name_repository_size_and_last_use(three: Repository, cache: Cache) -> None:
    before = time.time()

    found = cache.contents()

    assert names(found.copies) == ["mnist:v2", "mnist:v1", "mnist:v0"]
    newest = found.copies[0]
    assert newest.repository == three.location
    assert newest.digest == three.resolve("mnist:v2").digest
    assert (newest.files, newest.size) == (2, room(Path(newest.path)))
    assert before - 60 < newest.used.timestamp() <= before + 1
    assert found.ready == sum(copy.size for copy in found.copies)


def test_other_parts_are_told_with_their_sizes(cache: Cache) -> None:
    root = Path(cache.path)
    for part in ("index", "replicas", "tmp"):
        (root / part).mkdir(exist_ok=True)
        (root / part / "something").write_bytes(b"x" * 20_000)

    found = cache.contents()

    assert found.tables == room(root / "index") > 20_000
    assert found.unfinished == room(root / "tmp") > 20_000
    assert found.other == {"replicas": room(root / "replicas")}


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "none")

    assert cache.contents() == (str(tmp_path / "none"), (), 0, 0, 0, {})
    assert cache.prune(force=True) == ((), 0, (), 0, False)
    assert not (tmp_path / "none").exists()


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "default_cache", lambda: None)

    with pytest.raises(NoCache):
        Cache()


def test_pruning_keeps_what_was_handed_out_within_a_day(cache: Cache) -> None:
    done = cache.prune()

    assert names(done.removed) == ["mnist:v0", "mnist:v1"]
    assert names(done.held) == ["mnist:v2"]
    assert names(cache.contents().copies) == ["mnist:v2"]
    assert done.bytes == sum(copy.size for copy in done.removed)
    assert done.left == cache.contents().ready == room(Path(cache.path, "versions"))


def test_handing_out_again_counts(three: Repository, cache: Cache) -> None:
    three.use("mnist:v0")

    assert names(cache.prune().removed) == ["mnist:v1"]


def test_force_takes_all(cache: Cache) -> None:
    done = cache.prune(force=True)

    assert (len(done.removed), done.held, done.left) == (3, (), 0)
    assert os.listdir(os.path.join(cache.path, "versions")) == []


def test_only_what_was_unused_for_longer_goes_by_age(cache: Cache) -> None:
    assert names(cache.prune(older_than=1.5 * DAY).removed) == ["mnist:v0"]


def test_an_age_below_a_day_does_not_reach_into_the_last_day(three: Repository, cache: Cache) -> None:
    age(three.use("mnist:v2"), 2 * HOUR)

    done = cache.prune(older_than=HOUR)

    assert names(done.held) == ["mnist:v2"]
    assert names(cache.prune(older_than=HOUR, force=True).removed) == ["mnist:v2"]


def test_what_was_unused_for_longest_goes_until_the_rest_is_small_enough(cache: Cache) -> None:
    whole = cache.contents().ready

    done = cache.prune(size=whole - 1)

    assert names(done.removed) == ["mnist:v0"]
    assert done.left <= whole - 1
    assert names(cache.prune(size=whole).removed) == []


def test_a_size_that_cannot_be_reached_without_force_is_told(cache: Cache) -> None:
    done = cache.prune(size=0)

    assert names(done.removed) == ["mnist:v0", "mnist:v1"]
    assert names(done.held) == ["mnist:v2"]
    assert done.left > 0


def test_a_dry_run_tells_the_same_and_changes_nothing(cache: Cache) -> None:
    before = cache.contents()

    planned = cache.prune(size=0, force=True, dry_run=True)

    assert cache.contents() == before
    assert cache.prune(size=0, force=True) == planned


def test_files_that_copies_share_count_once_and_go_with_the_last(
    repo: Repository, folder: Callable[..., str], tmp_path: Path
) -> None:
    repo.set_setting("use.hard-links", "true")
    for number in range(2):
        repo.log(folder({"shared.bin": b"s" * 90_000, "own.bin": b"%d" % number * 30_000}), "mnist")
        age(repo.use(f"mnist:v{number}"), (3 - number) * DAY)
    cache = Cache(tmp_path / "cache")
    assert cache.contents().ready == room(tmp_path / "cache/versions")

    first = cache.prune(older_than=2.5 * DAY)
    shared = room(tmp_path / "cache/files")
    second = cache.prune()

    own = 32_768
    assert (first.bytes, first.left) == (own, shared)
    assert (second.bytes, second.left) == (shared, 0)
    assert room(tmp_path / "cache/files") == 0


def test_shared_files_stay_while_a_copy_is_being_made_of_them(
    repo: Repository, folder: Callable[..., str], tmp_path: Path
) -> None:
    repo.set_setting("use.hard-links", "true")
    repo.log(folder({"a.bin": b"a" * 9000}), "mnist")
    age(repo.use("mnist"), 2 * DAY)
    cache = Cache(tmp_path / "cache")

    with locked(str(tmp_path / "cache/files")):
        done = cache.prune()

    assert done.busy
    assert (done.bytes, done.left) == (0, room(tmp_path / "cache/files"))
    assert cache.prune().bytes == done.left


def test_a_copy_handed_out_while_others_are_deleted_stays(
    three: Repository, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Cache._take

    def use_first(self: Cache, one: cache_module._Found, force: bool) -> bool:
        three.use("mnist:v0")
        return take(self, one, force)

    monkeypatch.setattr(Cache, "_take", use_first)

    done = cache.prune()

    assert names(done.removed) == ["mnist:v1"]
    assert "mnist:v0" in names(cache.contents().copies)


def test_handing_out_waits_for_a_copy_to_be_taken_away(three: Repository, cache: Cache) -> None:
    """Nobody is given a path between the last look at its time and its end."""
    digest = three.resolve("mnist:v0").digest
    copies = ReadyCopies(cache.path)
    found: list[str | None] = []
    asking = threading.Thread(target=lambda: found.append(copies.find(digest)))

    with locked(os.path.join(cache.path, "versions"), alone=True):
        asking.start()
        asking.join(0.05)
        assert found == []
        os.rename(os.path.join(cache.path, "versions", digest), os.path.join(cache.path, "gone"))
    asking.join()

    assert found == [None]


def test_what_was_pruned_is_made_again(
    three: Repository, cache: Cache, tree: Callable[[str], dict[str, bytes]]
) -> None:
    path = three.use("mnist:v0")
    expected = tree(str(path))
    cache.prune(force=True)

    assert three.use("mnist:v0") == path
    assert tree(str(path)) == expected


def test_a_copy_of_an_earlier_release_is_told_by_its_digest(cache: Cache) -> None:
    for notes in Path(cache.path, "versions").glob("*.json"):
        notes.write_text("".join(notes.read_text().splitlines(keepends=True)[:2]))

    assert names(cache.contents().copies) == [None, None, None]
    assert len(cache.prune().removed) == 2


@pytest.mark.parametrize(
    "text",
    ["", "{}\n{}\n[]\n", "{}\n{}\n{", '{}\n{}\n{"name": 7, "repository": []}\n', "\0", "\n\n" + "[" * 100_000],
    ids=range(6),
)
def test_notes_that_cannot_be_read_hide_no_copy(cache: Cache, text: str) -> None:
    for notes in Path(cache.path, "versions").glob("*.json"):
        notes.write_text(text)

    assert names(cache.contents().copies) == [None, None, None]


def test_notes_that_are_a_pipe_are_not_waited_for(cache: Cache) -> None:
    for notes in Path(cache.path, "versions").glob("*.json"):
        notes.unlink()
        os.mkfifo(notes)

    assert names(cache.contents().copies) == [None, None, None]
    assert len(cache.prune(force=True).removed) == 3


def test_what_is_not_of_the_cache_stays(cache: Cache) -> None:
    versions = Path(cache.path, "versions")
    (versions / "mine").mkdir()
    (versions / "note.txt").write_text("mine")

    cache.prune(force=True)

    assert sorted(os.listdir(versions)) == ["mine", "note.txt"]


@pytest.mark.parametrize("steps", range(12))
def test_a_prune_killed_anywhere_leaves_a_cache_that_works(
    three: Repository, cache: Cache, steps: int, tree: Callable[[str], dict[str, bytes]]
) -> None:
    expected = [tree(str(three.use(f"mnist:v{number}"))) for number in range(3)]
    age(three.use("mnist:v0"), 2 * DAY)
    age(three.use("mnist:v1"), 2 * DAY)
    os.utime(f"{three.use('mnist:v1')}.json", (0, 0))

    killed = subprocess.run([sys.executable, "-c", KILLED, cache.path, str(steps)], check=False)

    assert killed.returncode in (0, 9)
    assert "mnist:v2" in names(cache.contents().copies)
    assert [tree(str(three.use(f"mnist:v{number}"))) for number in range(3)] == expected
    cache.prune(force=True)
    assert cache.contents().ready == cache.contents().unfinished == 0
    assert os.listdir(os.path.join(cache.path, "versions")) == []


KILLED = """
import os, sys
from mreg.checkout.cache import Cache
steps = int(sys.argv[2])
def killing(call):
    def do(*given, **named):
        global steps
        if steps == 0:
            os._exit(9)
        steps -= 1
        return call(*given, **named)
    return do
for name in ("rename", "unlink", "rmdir", "mkdir"):
    setattr(os, name, killing(getattr(os, name)))
Cache(sys.argv[1]).prune()
"""


def test_users_and_pruners_at_once_lose_nothing(tmp_path: Path, folder: Callable[..., str]) -> None:
    """Each user finds whole what it was handed out, and then makes it look long unused."""
    location, place = str(tmp_path / "registry"), str(tmp_path / "cache")
    with Repository.init(location, cache=place) as made:
        for number in range(4):
            made.log(folder({"shared.bin": b"s" * 90_000, "own.bin": b"%d" % number}), "mnist")
    work = [("use", "0", "1"), ("use", "2", "3"), ("prune",), ("prune",)]

    workers = [
        subprocess.Popen([sys.executable, "-c", RACING, location, place, *words], stderr=subprocess.PIPE)
        for words in work
    ]
    told = [worker.communicate()[1].decode() for worker in workers]

    assert [worker.returncode for worker in workers] == [0] * 4, told


RACING = """
import os, sys
import mreg
location, folder, kind, *numbers = sys.argv[1:]
if kind == "prune":
    for _ in range(100):
        mreg.Cache(folder).prune()
else:
    with mreg.Repository.open(location, cache=folder) as repo:
        for number in numbers * 50:
            path = repo.use(f"mnist:v{number}")
            assert (path / "own.bin").read_text() == number
            assert (path / "shared.bin").stat().st_size == 90_000
            os.utime(path, (0, 0))
"""


def test_notes_of_a_copy_have_three_lines(three: Repository, cache: Cache) -> None:
    digest = three.resolve("mnist:v0").digest
    stamps, digests, origin = map(json.loads, Path(cache.path, "versions", f"{digest}.json").read_text().splitlines())

    assert stamps.keys() == digests.keys() == {"shared.bin", "own.bin"}
    assert origin == {"name": "mnist:v0", "repository": three.location}
