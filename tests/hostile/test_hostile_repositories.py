"""A repository that somebody hostile has made: `get` and `use` stay where they were sent, and within what there is."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mounts
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from mreg import Damaged, MregError, Refused, Repository
from mreg.checkout.space import NoSpace
from mreg.content import packs
from mreg.content.objects import key_of as object_key
from mreg.content.pack_writer import PackWriter
from mreg.refs.keys import ArtifactKey, VersionKey
from mreg.refs.transaction import timestamp
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.values import canonical
from mreg.values.digest import EMPTY, digest
from mreg.values.records import VersionRecord

Count = Callable[[str, int], None]

DATA = b"what the attacker wants to be written"


def craft(
    storage: Storage, rows: list[dict[str, Any]], data: bytes = DATA, folders: list[str] | None = None, number: int = 1
) -> None:
    """Make a repository with the version `a:v0` of these files and empty folders, as no mreg would; `data` is in a
    pack. number: the format that its manifest claims to have."""
    repo = Repository.init_storage(storage, "crafted", author="eve")
    with PackWriter(storage) as writer:
        writer.add(bytes.fromhex(digest(data)), data)
        writer.publish()
    more = {} if folders is None else {"folders": folders}
    manifest = canonical.dumps({"kind": "manifest", "format": number, "files": rows, **more})
    storage.put(object_key(digest(manifest)), manifest)
    size = sum(row["size"] for row in rows)
    record = VersionRecord(
        digest(manifest), len(rows), min(size, 1 << 53), timestamp(), "eve", "host", None, "", {}, ()
    ).to_bytes()
    storage.put(object_key(digest(record)), record)

    def build(draft: Any) -> None:
        draft.set(ArtifactKey("a"), 'type = "model"\n')
        draft.set(VersionKey("a", 0), digest(record))
        draft.packs = tuple(packs.pack_names(storage))

    repo._context.commit("craft", build)
    repo.close()


def row(path: str, *, data: bytes = DATA, **changes: Any) -> dict[str, Any]:
    return {"path": path, "size": len(data), "digest": digest(data) if data else EMPTY} | changes


def opened(storage: Storage, cache: Path) -> Repository:
    return Repository(Context(storage, "crafted", cache=str(cache), author="bob"))


def tree(root: Path) -> dict[str, Any]:
    """All that is there, links not followed."""
    found: dict[str, Any] = {}
    for here, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(here, name)
            kind = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else path.is_fifo()
            found[str(path.relative_to(root))] = kind
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What an attacker would like to reach; destinations are made in its folder `in`."""
    root = tmp_path / "outside"
    (root / "in").mkdir(parents=True)
    (root / "escaped").write_text("mine")
    (root / "home").mkdir()
    (root / "home" / ".profile").write_text("mine")
    return root


def without_in(root: Path) -> dict[str, Any]:
    return {path: data for path, data in tree(root).items() if not path.startswith("in/")}


# Paths that lead astray.

PIECES = ["a", "b", "A", "..", ".", "", "...", "ß", "ss", "\u00e9", "e\u0301", ".git", ".GIT", ".mreg", "con"]
PIECES += ["\\", "C:", "\0", "\n", "\u202e", "x" * 255, "x" * 256, "\u00e9" * 128, "escaped", "home", " ", "nul.txt"]
paths = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("/".join) | st.sampled_from(
    ["/etc/passwd", "/", "../escaped", "a/../../escaped", "../home/.profile", "~/.profile", "//x", "a" + "/a" * 300]
)


def takes_all(root: Path) -> Iterator[Callable[[Repository], object]]:
    """The ways in which files come out, into folders below `root`."""
    yield lambda repo: repo.get("a", root / "new")
    (root / "old").mkdir()
    (root / "old" / "b").write_text("there before")
    yield lambda repo: repo.get("a", root / "old")
    yield lambda repo: repo.use("a")
    yield lambda repo: repo.get("a", root / "part", include=["**"])


@pytest.mark.parametrize("examples", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_whatever_paths_a_manifest_holds_nothing_is_written_elsewhere(
    examples: int, tmp_path_factory: pytest.TempPathFactory, count: Count
) -> None:
    written = refused = odd = 0

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        given=st.lists(paths, min_size=1, max_size=4),
        ordered=st.booleans(),
        folders=st.none() | st.lists(paths, min_size=1, max_size=2).map(sorted),
        number=st.sampled_from([1, 2]),
    )
    @example(["a", "b:\n"], True, ["c", "sub/\\"], 2)
    @example(["A/x", "a/x"], True, None, 2)
    @example(["sub/x"], True, ["../in", "a"], 2)
    def judge(given: list[str], ordered: bool, folders: list[str] | None, number: int) -> None:
        nonlocal written, refused, odd
        root = tmp_path_factory.mktemp("hostile")
        (root / "in").mkdir()
        (root / "escaped").write_text("mine")
        before = without_in(root)
        storage = MemoryStorage()
        craft(storage, [row(path) for path in (sorted(given) if ordered else given)], DATA, folders, number)
        with opened(storage, root / "in" / "cache") as repo:
            for take in takes_all(root / "in"):
                try:
                    take(repo)
                    written += 1
                    odd += number - 1
                except (Damaged, Refused) as error:
                    assert str(error)
                    refused += 1
        assert without_in(root) == before
        found = tree(root / "in")
        assert not any(isinstance(what, str) for what in found.values()), "a link was made"
        names = [name for name in found if name.startswith("new/")]
        forms = {unicodedata.normalize("NFC", name.casefold() if number == 1 else name) for name in names}
        assert len(forms) == len(names)

    judge()

    assert written > 10 and refused > 10 and odd > 3
    count("hostile repositories", written + refused)


# Destinations with traps.

TRAPS: dict[str, Callable[[Path, Path], object]] = {
    "a link to a folder": lambda place, aim: (place / "sub").symlink_to(aim / "home"),
    "a chain of links": lambda place, aim: (
        (place / "one").symlink_to(aim / "home"),
        (place / "two").symlink_to("one"),
        (place / "sub").symlink_to("two"),
    ),
    "a link upwards": lambda place, aim: (place / "sub").symlink_to("../.."),
    "a link in a ring": lambda place, aim: ((place / "sub").symlink_to("round"), (place / "round").symlink_to("sub")),
    "a link to a file": lambda place, aim: ((place / "sub").mkdir(), (place / "sub/f").symlink_to(aim / "escaped")),
    "a link to nothing": lambda place, aim: ((place / "sub").mkdir(), (place / "sub/f").symlink_to(aim / "new")),
    "a pipe": lambda place, aim: ((place / "sub").mkdir(), os.mkfifo(place / "sub/f")),
    "a file for a folder": lambda place, aim: (place / "sub").write_text("mine"),
    "a folder for a file": lambda place, aim: (place / "sub/f/x").mkdir(parents=True),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_in_the_destination_is_refused_and_nothing_is_touched(
    trap: str, outside: Path, tmp_path: Path, count: Count
) -> None:
    storage = MemoryStorage()
    craft(storage, [row("first"), row("sub/f")])
    place = outside / "in"
    TRAPS[trap](place, outside)
    before = tree(outside)

    with opened(storage, tmp_path / "cache") as repo, pytest.raises((Refused, OSError)):
        repo.get("a", place)

    assert tree(outside) == before
    count("hostile repositories", 1)


def test_a_hard_link_in_the_destination_is_replaced_and_not_written_through(
    outside: Path, tmp_path: Path, count: Count
) -> None:
    storage = MemoryStorage()
    craft(storage, [row("f")])
    os.link(outside / "escaped", outside / "in" / "f")

    with opened(storage, tmp_path / "cache") as repo:
        repo.get("a", outside / "in")

    assert (outside / "in" / "f").read_bytes() == DATA
    assert (outside / "escaped").read_text() == "mine"
    count("hostile repositories", 1)


# More than there is.

HUGE = 1 << 52
"""Bytes: more than any disk has, and no more than a manifest may say."""


def test_more_than_the_disk_holds_is_refused_before_anything_is_written(tmp_path: Path, count: Count) -> None:
    storage = MemoryStorage()
    craft(storage, [row("f", size=HUGE), row("small", data=b"")])
    place = tmp_path / "in"
    place.mkdir()
    with opened(storage, tmp_path / "cache") as repo:
        for take in takes_all(place):
            before = tree(place)
            with pytest.raises(NoSpace) as refused:
                take(repo)
            assert refused.value.needed >= HUGE > refused.value.free
            assert tree(place) == before
        assert list((tmp_path / "cache").rglob("files/*/*")) == []

        repo.get("a", place / "new", include=["small"])
        assert tree(place / "new") == {"small": b""}
    count("hostile repositories", 4)


def test_the_command_line_says_how_much_is_missing(tmp_path: Path) -> None:
    craft(LocalStorage(tmp_path / ".mreg"), [row("f", size=HUGE)])

    done = _mreg(tmp_path, "--json", "get", "a", "-o", str(tmp_path / "out"))

    told = json.loads(done.stderr)["error"]
    assert done.returncode == 1
    assert (told["code"], told["folder"]) == ("no-space", str(tmp_path))
    assert told["needed"] >= HUGE > told["free"] > 0
    assert "nothing was written" in told["hint"]
    assert not (tmp_path / "out").exists()


def test_one_chunk_that_stands_for_many_files_does_not_fill_a_small_disk(tmp_path: Path, count: Count) -> None:
    """With a real small disk, which `get` would fill to the last byte if it did not ask."""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root, for a mount")
    data = bytes(1 << 20)
    storage = MemoryStorage()
    craft(storage, [row(f"f{number:02}", data=data) for number in range(64)], data)
    small = tmp_path / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        with opened(storage, tmp_path / "cache") as repo:
            with pytest.raises(NoSpace):
                repo.get("a", small / "out")
            assert os.listdir(small) == []
            repo.get("a", small / "out", include=["f0[0-5]"])
            assert len(os.listdir(small / "out")) == 6
    finally:
        mounts.unmount(small)
    count("hostile repositories", 1)


def test_a_manifest_of_many_files_takes_bounded_memory(tmp_path: Path, count: Count) -> None:
    """100,000 files of 16 MiB: 1.5 TiB claimed in 13 MB; a process that may have 1 GiB says no in good order."""
    storage = LocalStorage(tmp_path / ".mreg", durable=False)
    craft(storage, [row(f"f{number:06}", size=HUGE // 100_000) for number in range(100_000)])

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    done = _mreg(tmp_path, "--json", "get", "a", "-o", str(tmp_path / "out"), preexec_fn=limit)

    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == "no-space"
    assert not (tmp_path / "out").exists()
    count("hostile repositories", 1)


def test_a_chunk_that_is_shorter_than_it_claims_ends_the_copy(tmp_path: Path, count: Count) -> None:
    storage = MemoryStorage()
    craft(storage, [row("f", size=1000)])

    with opened(storage, tmp_path / "cache") as repo, pytest.raises(MregError):
        repo.get("a", tmp_path / "out")

    assert not (tmp_path / "out").exists()
    count("hostile repositories", 1)


def _mreg(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mreg", "--repo", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)
