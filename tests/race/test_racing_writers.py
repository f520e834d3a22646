"""Many processes write at once: no number is given twice or left out, no update is lost, no reader sees half."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mreg import Repository

Check = Callable[[], None]

TRIES = 10
"""How often to start a race again in which nobody met anybody: a busy machine may run all one after the other."""


def _workers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("race_workers", Path(__file__).with_name("race_workers.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


content: Callable[[int, int], bytes] = _workers().content


def bytes_of(repository: Repository, reference: str, path: str = "weights.bin") -> bytes:
    return b"".join(repository.read(reference, path))


def assert_journal_in_place(repository: Repository, changes: int) -> None:
    """Every number from 1 to `changes` is there once, and nothing waits to be applied."""
    assert [entry.seq for entry in repository.history()] == list(range(1, changes + 1))
    applied = Path(repository.location, "journal", "applied").read_text().split()[0]
    assert int(applied) == changes


@pytest.mark.parametrize(
    ("writers", "count"), [(16, 25), pytest.param(32, 20, marks=pytest.mark.slow)], ids=["16x25", "32x20"]
)
def test_versions_are_numbered_without_gap_or_double_when_writers_race(
    race: Any, repository: Repository, assert_clean: Check, writers: int, count: int
) -> None:
    before = len(repository.history())

    given = race.run(*(("log_many", {"worker": n, "count": count, "artifact": "a"}) for n in range(writers)))

    total = writers * count
    assert sorted(number for numbers in given for number in numbers) == list(range(total))
    assert all(numbers == sorted(numbers) for numbers in given)
    assert [version.number for version in repository.versions("a")] == list(range(total))
    for worker, numbers in enumerate(given):
        for turn, number in enumerate(numbers):
            assert bytes_of(repository, f"a:v{number}") == content(worker, turn)
    assert {version.author for version in repository.versions("a")} == {f"worker-{n}" for n in range(writers)}
    assert_journal_in_place(repository, before + total)
    assert_clean()


def test_no_step_of_a_counter_is_lost_when_sixteen_move_one_alias_by_compare_and_swap(
    race: Any, repository: Repository, assert_clean: Check, tmp_path: Path
) -> None:
    workers, steps = 16, 8
    for number in range(workers * steps):
        (tmp_path / "w.bin").write_bytes(b"%d" % number)
        repository.log(tmp_path / "w.bin", "a")
    before = len(repository.history())

    results = race.run(
        *(("count_up", {"worker": n, "steps": steps, "artifact": "a", "alias": "counter"}) for n in range(workers))
    )

    last = workers * steps - 1
    assert sorted(step for done, _ in results for step in done) == list(range(last + 1))
    assert repository.resolve("a:counter").number == last
    moves = [change for entry in repository.history(since=before) for change in entry.changes]
    assert [(move.old, move.new) for move in moves] == [(f"v{n - 1}" if n else None, f"v{n}") for n in range(last + 1)]
    assert sum(misses for _, misses in results) >= workers - 1, "the writers never met: this was no race"
    assert_journal_in_place(repository, before + last + 1)
    assert_clean()


def test_the_same_content_makes_one_version_when_sixteen_log_it_at_once(
    race: Any, repository: Repository, assert_clean: Check
) -> None:
    before = len(repository.history())

    results = race.run(*(("log_same", {"worker": n, "artifact": "a"}) for n in range(16)))

    assert [number for number, _, _ in results] == [0] * 16
    assert Counter(created for _, created, _ in results) == {True: 1, False: 15}
    assert len(repository.versions("a")) == 1
    assert set(repository.artifact("a").aliases) == {f"a{n}" for n in range(16)}
    assert len(repository.model("candidates").links) == 1
    assert {link for _, _, links in results for link in links} == {
        "candidates:v0",
        *(f"only-{n}:v0" for n in range(16)),
    }
    assert_journal_in_place(repository, before + 16)
    assert_clean()


def test_neighbouring_versions_differ_when_writers_log_few_contents(
    race: Any, repository: Repository, assert_clean: Check
) -> None:
    results = race.run(*(("log_pool", {"worker": n, "count": 12, "artifact": "a", "pool": 3}) for n in range(8)))

    versions = repository.versions("a")
    assert all(one.manifest != other.manifest for one, other in pairwise(versions))
    assert sum(created for result in results for _, _, created in result) == len(versions)
    for worker, result in enumerate(results):
        for drawn, number, _ in result:
            assert bytes_of(repository, f"a:v{number}") == content(drawn, 0)
        last_turn, last_number = len(result) - 1, result[-1][1]
        assert repository.resolve(f"a:of-{worker}").number == last_number
        assert repository.version(f"a:v{last_number}").metadata[f"w{worker}"] == last_turn
    assert_clean()


@pytest.mark.parametrize(
    ("writers", "count"), [(4, 25), pytest.param(8, 150, marks=pytest.mark.slow)], ids=["4x25", "8x150"]
)
def test_readers_see_whole_versions_and_never_go_back_while_writers_write(
    race: Any, repository: Repository, assert_clean: Check, tmp_path: Path, writers: int, count: int
) -> None:
    (tmp_path / "weights.bin").write_bytes(content(0, 0))
    repository.log(tmp_path / "weights.bin", "a", aliases=["newest"])
    stop = tmp_path / "stop"

    readers = race.start_beside(
        *(("read", {"worker": n, "artifact": "a", "alias": "newest", "stop": str(stop)}) for n in range(4))
    )
    given = race.run(
        *(("log_many", {"worker": n + 1, "count": count, "artifact": "a", "alias": "newest"}) for n in range(writers))
    )
    stop.touch()
    seen = race.results(readers)

    assert [faults for _, faults in seen if faults] == []
    assert sorted(number for numbers in given for number in numbers) == list(range(1, writers * count + 1))
    assert repository.resolve("a:newest") == repository.resolve("a:latest")
    assert_clean()


def test_each_undo_takes_back_what_one_entry_moved_while_others_move_it(
    race: Any, repository: Repository, assert_clean: Check, tmp_path: Path
) -> None:
    for number in range(8):
        (tmp_path / "w.bin").write_bytes(b"%d" % number)
        repository.log(tmp_path / "w.bin", "a")
    repository.set_alias("best", "a:v0")
    before, count = len(repository.history()), 15

    moved, took = [], []
    for _ in range(TRIES):
        results = race.run(
            *(
                ("move_alias", {"worker": n, "count": count, "artifact": "a", "alias": "best", "versions": 8})
                for n in range(6)
            ),
            *(("take_back", {"worker": n, "count": count}) for n in range(6, 12)),
        )
        moved += results[:6]
        took += results[6:]
        if any(missed for _, missed in took):
            break

    entries = repository.history()
    undone = [entry for entry in entries if entry.command.startswith("undo ")]
    assert sorted(seq for made, _ in took for seq in made) == [entry.seq for entry in undone]
    for entry in undone:
        (back,), (change,) = entry.changes, entries[int(entry.command.split()[1]) - 1].changes
        assert (back.ref, back.old, back.new) == (change.ref, change.new, change.old)
    assert any(missed for _, missed in took), "they never met: this was no race"
    assert_journal_in_place(repository, before + sum(moved) + len(undone))
    assert_clean()


@pytest.mark.parametrize(
    ("writers", "count", "grace"),
    [
        (8, 12, 1.0),
        pytest.param(8, 150, 1.0, marks=pytest.mark.slow),
        pytest.param(8, 60, 0.05, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_lost_when_gc_runs_beside_writers_and_removers(
    race: Any, repository: Repository, assert_clean: Check, tmp_path: Path, writers: int, count: int, grace: float
) -> None:
    stop, found = tmp_path / "stop", str(tmp_path / "found")
    collecting = {"grace": grace, "stop": str(stop), "found": found}
    # With a grace that is short the writers go on until something was collected beside them.
    filling = {"count": count, "pool": 6, "until": found if grace < 1.0 else None}

    collectors = race.start_beside(*(("collect", {"worker": n, **collecting}) for n in range(2)))
    kept = race.run(*(("fill_and_remove", {"worker": n, **filling}) for n in range(writers)))
    stop.touch()
    race.results(collectors)

    for worker, numbers in enumerate(kept):
        assert [version.number for version in repository.versions(f"a{worker}")] == sorted(map(int, numbers))
        for number, drawn in numbers.items():
            assert bytes_of(repository, f"a{worker}:v{number}") == content(drawn, drawn)
    assert_clean()
    repository.gc(grace=0)
    assert_clean()
    assert repository.gc(grace=0, dry_run=True).bytes == 0


def test_a_name_is_made_once_when_sixteen_make_it_in_two_spellings_and_as_two_kinds(
    race: Any, repository: Repository, assert_clean: Check
) -> None:
    rounds = 6

    made = race.run(*(("create", {"worker": n, "rounds": rounds}) for n in range(16)))

    names = [artifact.name for artifact in repository.artifacts()] + [model.name for model in repository.models()]
    assert sorted(name.lower() for name in names) == [f"name-{turn}" for turn in range(rounds)]
    assert len([name for one in made for name in one]) == rounds
    assert_clean()


# The command line, as people start it.


def run_all(commands: Sequence[Sequence[str]]) -> list[subprocess.CompletedProcess[str]]:
    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mreg", *command], capture_output=True, text=True, timeout=1200, check=False
        )

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, commands))


def test_commands_started_at_once_each_log_one_version(
    repository: Repository, assert_clean: Check, tmp_path: Path
) -> None:
    commands = []
    for n in range(12):
        folder = tmp_path / f"model-{n}"
        folder.mkdir()
        (folder / "weights.bin").write_bytes(content(n, n))
        commands.append(["--repo", repository.location, "log", str(folder), "--artifact", "a", "--link", "m"])

    done = run_all(commands)

    assert [one.returncode for one in done] == [0] * 12, [one.stderr for one in done]
    assert sorted(one.stdout for one in done) == sorted(f"a:v{n}\n" for n in range(12))
    for n, one in enumerate(done):
        assert bytes_of(repository, one.stdout.strip()) == content(n, n)
    assert [link.number for link in repository.model("m").links] == list(range(12))
    assert_clean()


def test_one_of_many_commands_wins_and_the_others_are_told_that_the_alias_moved(
    repository: Repository, assert_clean: Check, tmp_path: Path
) -> None:
    for n in range(12):
        (tmp_path / "w.bin").write_bytes(b"%d" % n)
        repository.log(tmp_path / "w.bin", "a")
    repository.set_alias("production", "a:v0")

    done = run_all(
        [
            ["--repo", repository.location, "alias", "set", "production", f"a:v{n}", "--expect", "v0"]
            for n in range(1, 12)
        ]
    )

    assert Counter(one.returncode for one in done) == {0: 1, 7: 10}
    winner = next(one for one in done if one.returncode == 0)
    assert repository.resolve("a:production").name == winner.stdout.strip()
    assert all("a:production is at " in one.stderr for one in done if one.returncode)
    assert_clean()


def test_one_ready_copy_is_shared_when_many_commands_ask_for_it_at_once(
    repository: Repository, assert_clean: Check, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for n in range(5):
        (folder / f"{n}.bin").write_bytes(content(n, n) * 100)
    repository.log(folder, "a")

    done = run_all([["--repo", repository.location, "use", "a"] for _ in range(8)])

    assert [one.returncode for one in done] == [0] * 8, [one.stderr for one in done]
    paths = {one.stdout for one in done}
    assert len(paths) == 1
    path = Path(paths.pop().rstrip("\n"))
    assert {file.name: file.read_bytes() for file in path.iterdir()} == {
        f"{n}.bin": content(n, n) * 100 for n in range(5)
    }
    assert os.listdir(tmp_path / "cache" / "tmp") == []
    assert_clean()


def test_one_repository_is_made_when_many_commands_make_it_at_once() -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = run_all([["--json", "init", folder] for _ in range(8)])

        assert [one.returncode for one in done] == [0] * 8, [one.stderr for one in done]
        assert sum('"created": true' in one.stdout for one in done) == 1
        with Repository.open(folder) as repository:
            assert all(repository.id in one.stdout for one in done)
            assert repository.fsck(full=True).findings == ()


def test_searches_find_what_was_there_before_them_while_others_log(repository: Repository, race: Any) -> None:
    # given
    loggers = [("log_many", {"worker": n, "count": 6, "artifact": "mnist", "alias": f"a{n}"}) for n in range(5)]
    searchers = [("search_many", {"worker": n, "count": 6, "artifact": "mnist"}) for n in range(5)]

    # when
    results = race.run(*loggers, *searchers)

    # then
    for rounds in results[5:]:
        for before, after in pairwise(rounds):
            assert after[: len(before)] == before == list(range(len(before)))
    assert [one.number for one in repository.search(where="number >= 0")] == list(range(30))
