"""Files that are mostly holes come back with holes, and as they were to the byte."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import mounts
import pytest
from hypothesis import example, given, settings, strategies as st

from mreg.checkout import holes
from mreg.repository import Repository

MIB = 1 << 20
DATA = random.Random(5).randbytes(MIB)


def room_of(path: Path) -> int:
    """Bytes that a file has on the disk."""
    return path.stat().st_blocks * 512


@pytest.fixture
def keeps_holes(tmp_path: Path) -> None:
    """Skips where the file system of the test's folder has none."""
    with open(tmp_path / "hole", "wb") as file:
        file.truncate(MIB)
    if room_of(tmp_path / "hole") > MIB // 2:
        pytest.skip("the file system has no holes")


def sparse(path: Path, size: int, parts: dict[int, bytes]) -> Path:
    """A file with these bytes at these places, and a hole everywhere else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
        for start, data in parts.items():
            file.seek(start)
            file.write(data)
    return path


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["cmp", "-s", one, other], check=False).returncode == 0


SPARSE: dict[str, tuple[int, dict[int, bytes]]] = {
    "short": (4 * MIB, {MIB: DATA}),
    "long": (40 * MIB, {0: DATA, 20 * MIB + 7: DATA}),
    "ends in data": (40 * MIB, {39 * MIB: DATA}),
    "ends unevenly": (40 * MIB + 12345, {0: DATA}),
    "nothing but holes": (40 * MIB, {}),
}


@pytest.mark.parametrize("kind", SPARSE)
def test_a_sparse_file_comes_back_sparse(repo: Repository, tmp_path: Path, keeps_holes: None, kind: str) -> None:
    size, parts = SPARSE[kind]
    source = sparse(tmp_path / "in" / "model.bin", size, parts)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "model.bin").write_bytes(b"another")
    repo.log(tmp_path / "in", "m")

    repo.get("m", tmp_path / "new")
    repo.get("m", tmp_path / "there")
    used = Path(repo.use("m"))

    for folder in (tmp_path / "new", tmp_path / "there", used):
        copy = folder / "model.bin"
        assert copy.stat().st_size == size and same(source, copy)
        assert room_of(copy) <= len(parts) * (MIB + 3 * holes.BLOCK) + holes.BLOCK


def test_short_runs_of_zeros_are_written(repo: Repository, tmp_path: Path, keeps_holes: None) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"x" + bytes(holes.BLOCK // 2) + b"x")
    repo.log(tmp_path / "in", "m")

    repo.get("m", tmp_path / "out")

    assert room_of(tmp_path / "out" / "a") >= holes.BLOCK // 2


def test_more_holes_than_the_disk_has_room_for_are_written(repo: Repository, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root, for a mount")
    sparse(tmp_path / "in" / "model.bin", 64 * MIB, {5 * MIB: DATA})
    repo.log(tmp_path / "in", "m")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        repo.get("m", small / "out")
        assert same(tmp_path / "in" / "model.bin", small / "out" / "model.bin")
    finally:
        mounts.unmount(small)


@given(
    parts=st.lists(st.tuples(st.booleans(), st.integers(0, 3 * holes.BLOCK)), max_size=6),
)
@example([(False, holes.BLOCK), (True, 1)])
@example([(True, holes.BLOCK - 1), (False, holes.BLOCK + 1)])
@settings(max_examples=200, deadline=None)
def test_the_parts_of_data_are_all_of_it_and_holes_are_zeros(parts: list[tuple[bool, int]]) -> None:
    data = b"".join(bytes(length) if zero else b"\1" * length for zero, length in parts)

    found = list(holes.runs(memoryview(data)))

    assert [start for start, _, _ in found] == [0, *(end for _, end, _ in found[:-1])][: len(found)]
    assert (found[-1][1] if found else 0) == len(data)
    assert all(not any(data[start:end]) for start, end, hole in found if hole)
    assert all(end > start for start, end, _ in found)
    blocks = range(0, len(data), holes.BLOCK)
    whole = {start for start in blocks if data[start : start + holes.BLOCK] == bytes(holes.BLOCK)}
    assert {start for one, end, hole in found if hole for start in range(one, end, holes.BLOCK)} == whole
