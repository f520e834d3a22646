"""What a command reported as done is there after a loss of power; what was not done is whole or absent.

Everything happens in a mounted file system of its own, which is shut down without flushing its log, and mounted
again. (See `disks`; `test_a_loss_of_power_loses_what_was_not_flushed` shows that this does lose things.)
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from crash_cases import CASES, LOG_CASE, MANY_ALIASES, Case, contents, fill, prepare, prepare_pending, state, tree
from disks import Disk
from mounts import PATIENCE
from sweep import Bench, Server, why_not

Count = Callable[[str, int], None]
Servers = Callable[[int], list[Server]]


TRIES = 10
"""How often to try what somebody else's sync(2) spoils, which flushes all disks of the machine (benchmarks call it)."""


def test_a_loss_of_power_loses_what_was_not_flushed(disk: Disk) -> None:
    with disk.mounted():
        assert any(loses_what_was_not_flushed(disk, str(number)) for number in range(TRIES))


def loses_what_was_not_flushed(disk: Disk, number: str) -> bool:
    safe, named, unflushed = (disk.place / f"{name}-{number}" for name in ("safe", "named", "unflushed"))
    with open(safe, "wb", buffering=0) as file:
        file.write(b"safe" * 1000)
        os.fsync(file.fileno())
    (disk.place / "temporary").write_bytes(b"named" * 1000)
    os.rename(disk.place / "temporary", named)
    unflushed.write_bytes(b"unflushed" * 1000)

    disk.lose_power()

    assert safe.read_bytes() == b"safe" * 1000
    return all(not lost.exists() or lost.stat().st_size == 0 for lost in (named, unflushed))


# After every command that was acknowledged.

ROUND: list[tuple[str, ...]] = [
    ("log", "../source", "--artifact", "a", "--alias", "best", "--link", "m", "--meta", "acc=0.5"),
    ("log", "../source", "--artifact", "a", "-m", "better"),
    ("alias", "set", "best", "a"),
    ("log", "../source", "--artifact", "a", "--alias", "best", "--link", "m", *MANY_ALIASES),
    ("log", "../source", "--artifact", "b", "--alias", "first"),
    ("link", "b", "m", "--alias", "prod"),
    ("tag", "add", "m", "vision", "small"),
    ("annotate", "a", "-m", "noted", "--meta", "f1=0.25"),
    ("card", "m", "--file", "../card.md"),
    ("get", "a", "-o", "got/it"),
    ("log", "../source", "--artifact", "b"),
    ("get", "b", "-o", "got/it"),
    ("rm", "b:latest", "--force"),
    ("gc", "--grace", "0"),
    ("use", "a:best", "--run", "evaluation"),
    ("unlink", "m:prod", "--force"),
    ("alias", "rm", "first", "b"),
    ("artifact", "rename", "b", "c"),
    ("model", "describe", "m", "what it is"),
    ("config", "set", "gc.grace", "3d"),
    ("artifact", "rm", "c", "--force"),
    ("model", "rm", "m", "--force"),
]
"""With their own content each time; a second round finds the names free again but for `b` and `c`."""


def look(bench: Bench, *, damaged: bool = False) -> Any:
    """All that can be read, by one who has never seen the repository, and whose tables flush nothing there; of a
    damaged one all but the files."""
    with tempfile.TemporaryDirectory() as empty:
        return state(bench, cache=empty), {} if damaged else contents(bench, cache=empty), _outside(bench)


def _outside(bench: Bench) -> dict[str, bytes]:
    """What commands wrote beside the repository."""
    got = bench.place / "got"
    return tree(got) if got.exists() else {}


def check_sound(bench: Bench) -> None:
    done = bench.run("fsck", "--full")
    assert done.code == 0, done


def lose_power_after_each(bench: Bench, disk: Disk, rounds: int) -> int:
    """Each command of each round, and a loss of power as soon as it was acknowledged; how many losses."""
    losses = 0
    with disk.mounted():
        bench.must("init")
        for number in range(rounds):
            for step, command in enumerate(ROUND):
                (bench.folder / "card.md").write_text(f"# Card {number}\n")
                fill(bench, number * 1000 + step, size=random.Random(step + number).choice((100, 3000, 200_000)))
                bench.must(*_in_round(command, number))
                acknowledged = look(bench)
                disk.lose_power()
                losses += 1
                assert look(bench) == acknowledged, f"after `mreg {' '.join(command)}`"
                check_sound(bench)
    return losses


def _in_round(command: Sequence[str], number: int) -> list[str]:
    """The command with names of this round: what was deleted is never given again."""
    known = {"a", "b", "c", "m"}
    words = [f"{head}{number}{rest}" for head, rest in ((word[:1], word[1:]) for word in command)]
    return [new if old[:1] in known and old[1:2] in ("", ":") else old for old, new in zip(command, words, strict=True)]


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_what_was_acknowledged_is_there_after_a_loss_of_power(
    bench: Bench, disk: Disk, kind: str, rounds: int, count: Count
) -> None:
    losses = lose_power_after_each(bench, disk, rounds)

    count(f"power losses, {kind}", losses)


def test_a_ready_copy_that_was_acknowledged_is_right_after_a_loss_of_power(
    disk: Disk, kind: str, tmp_path: Path, count: Count
) -> None:
    disk.place.rmdir()
    bench = Bench(tmp_path / "bench")  # its cache is on the disk
    try:
        with disk.mounted():
            bench.must("init")
            for seed in range(8):
                fill(bench, seed, size=1000 * 4**seed // 4)
                bench.must("log", "../source", "--artifact", "a")
                bench.must("use", "a")
                disk.lose_power()
                path = Path(bench.must("use", "a").strip())
                assert tree(path) == tree(bench.source)
                check_sound(bench)
    finally:
        bench.close()

    count(f"power losses, {kind}", 8)


# In the middle of a command.


def hurt(bench: Bench, disk: Disk, case: Case, tmp_path: Path, every: int) -> int:
    """Lose power at every `every`-th call of the command that changes the disk; how many losses."""
    with disk.mounted():
        if not case.bare:
            prepare(bench)
            case.prepare(bench)
    image = tmp_path / "copy"
    trial = disk.copy_to(image)
    with trial.mounted():
        before = None if case.bare else look(bench, damaged=case.damaged)
        points, done = bench.points(case.command)
        assert done.code == 0, done
        after = look(bench)
    losses = 0
    for point in points[every // 2 :: every]:
        trial = disk.copy_to(image)
        trial.mount()
        try:
            done = bench.stop(case.command, point, trial.shut_down)
            trial.restart()
            _judge(bench, case, after if done.code == 0 else before, after)
        except AssertionError as error:
            raise AssertionError(f"`mreg {' '.join(case.command)}`, power lost at {point}\n{error}") from error
        finally:
            trial.unmount()
        losses += 1
    return losses


def _judge(bench: Bench, case: Case, before: Any, after: Any) -> None:
    if not (bench.repository / "config.toml").exists():
        assert case.bare
    else:
        if not case.damaged:
            check_sound(bench)
        found = look(bench, damaged=case.damaged)
        states = [state_ for state_, *_ in (before, after) if state_] if before else [after[0]]
        assert _settled(case, found[0]) in [_settled(case, one) for one in states], "the change is there in part"
        case.check(bench)
    again = bench.run(*case.command)
    assert again.code in case.again, again
    found = look(bench)
    assert _settled(case, found[0]) == _settled(case, after[0])
    assert found[1] == after[1]
    check_sound(bench)
    case.finished(bench)


def _settled(case: Case, found: Any) -> Any:
    """What is compared: without the history, where a repetition adds to it."""
    return found if case.history or found is None else {key: found[key] for key in found if key != "commands"}


WITHOUT_BENCH_COPIES = [case for case in CASES if case.prepare is not prepare_pending]
"""A mounted place cannot be put back as these do."""


@pytest.fixture
def _strace() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)


def test_a_log_that_loses_power_in_its_middle_is_whole_or_absent(
    _strace: None, bench: Bench, disk: Disk, kind: str, tmp_path: Path, count: Count
) -> None:
    losses = hurt(bench, disk, LOG_CASE, tmp_path, 8)

    assert losses >= 8
    count(f"power losses, {kind}", losses)


@pytest.mark.slow
@pytest.mark.parametrize("case", [LOG_CASE, *WITHOUT_BENCH_COPIES], ids=lambda case: case.name)
def test_a_command_that_loses_power_in_its_middle_is_whole_or_absent(
    _strace: None, bench: Bench, disk: Disk, kind: str, tmp_path: Path, case: Case, count: Count
) -> None:
    losses = hurt(bench, disk, case, tmp_path, 3)

    assert losses
    count(f"power losses, {kind}", losses)


# While several write.

MOST = 12
"""How much each writer logs at most: they must not fill the disk where this process is kept waiting meanwhile."""


def lose_power_among_writers(
    bench: Bench, disk: Disk, writers: Sequence[Server], seed: int, acknowledged: dict[str, bytes]
) -> None:
    """Let all log until the power goes; what they were told goes into `acknowledged`: version, and its bytes.

    The power goes some moment after the n-th acknowledgement, for an n of this seed, however long that takes.
    """
    over = threading.Event()
    told = threading.Semaphore(0)

    def write(number: int, server: Server) -> None:
        source = bench.folder / f"source-{number}"
        source.mkdir(exist_ok=True)
        chance = random.Random(f"{seed} {number}")
        for _ in range(MOST):
            if over.is_set():
                return
            data = chance.randbytes(chance.choice((10, 5000, 100_000)))
            (source / "weights.bin").write_bytes(data)
            command = ["--repo", str(bench.place), "log", str(source), "--artifact", "a", "--alias", f"of-{number}"]
            done = server.run(command, str(bench.folder))
            if done.code == 0:
                acknowledged[done.out.strip()] = data
                told.release()

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(writers)]
    for thread in threads:
        thread.start()
    chance = random.Random(seed)
    try:
        for _ in range(chance.randint(1, MOST)):
            assert told.acquire(timeout=PATIENCE), "nothing is acknowledged"
        over.wait(chance.uniform(0, 0.05))  # the others are anywhere in a command by now
        disk.shut_down()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    disk.restart()


@pytest.mark.parametrize("losses", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_no_acknowledged_log_is_lost_when_power_goes_while_several_write(
    bench: Bench, disk: Disk, kind: str, servers: Servers, losses: int, count: Count
) -> None:
    acknowledged: dict[str, bytes] = {}
    writers = servers(3)
    with disk.mounted():
        bench.must("init")
        for seed in range(losses):
            lose_power_among_writers(bench, disk, writers, seed, acknowledged)
            check_sound(bench)
            _, found, _ = look(bench)
            kept = {f"{name}:v{number}": data for (name, number, _), data in found.items()}
            assert {name: kept.get(name) for name in acknowledged} == acknowledged
            if seed % 10 == 9:  # keep the disk from filling up
                bench.must("artifact", "rm", "a", "--force")
                bench.must("gc", "--grace", "0")
                acknowledged.clear()

    count(f"power losses, {kind}", losses)
