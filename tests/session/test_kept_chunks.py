"""Chunks of what is far, kept here: verified on use, and of limited size."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from blake3 import blake3
from counting_bucket import Bucket

from mreg import Repository
from mreg.session.kept_chunks import KeptChunks
from mreg.session.replica import Replica


def keep(kept: KeptChunks, data: bytes) -> bytes:
    kept.keep(blake3(data).digest(), data)
    return blake3(data).digest()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_kept_is_had_by_others(tmp_path: Path) -> None:
    name = keep(KeptChunks(str(tmp_path)), b"one")

    assert KeptChunks(str(tmp_path)).get(name) == b"one"
    assert KeptChunks(str(tmp_path)).get(bytes(32)) is None


def test_a_damaged_chunk_is_not_given_out_and_goes(tmp_path: Path) -> None:
    name = keep(KeptChunks(str(tmp_path)), b"one")
    files(tmp_path)[0].write_bytes(b"two")

    assert KeptChunks(str(tmp_path)).get(name) is None
    assert files(tmp_path) == []


def test_those_not_used_for_longest_go_where_they_are_too_many(tmp_path: Path) -> None:
    kept = KeptChunks(str(tmp_path), limit=100_000)
    names = []
    for number in range(9):
        names.append(keep(kept, os.urandom(10_000)))
        os.utime(tmp_path / names[-1].hex()[:2] / names[-1].hex()[2:], (number, number))
    assert kept.get(names[0]) is not None  # used now

    for _ in range(4):
        names.append(keep(kept, os.urandom(10_000)))
    kept.trim()

    assert sum(path.stat().st_size for path in files(tmp_path)) <= 100_000
    assert kept.get(names[0]) is not None and kept.get(names[1]) is None and kept.get(names[-1]) is not None


def test_a_folder_that_cannot_be_written_to_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "chunks").write_text("a file")
    kept = KeptChunks(str(tmp_path / "chunks"))

    name = keep(kept, b"one")
    kept.trim()

    assert kept.get(name) is None and kept.empty


# What they are for


def test_differences_are_made_to_what_is_at_hand_and_nothing_is_fetched_for_them(
    tmp_path: Path, folder: Callable[..., str]
) -> None:
    bucket = Bucket()
    with client(bucket, tmp_path / "ann", new=True) as ann, client(bucket, tmp_path / "bob") as bob:
        first, source = trained(0), folder({"m.safetensors": trained(1)})
        ann.log(folder({"m.safetensors": first}), "m")
        bob.resolve("m")

        bucket.asked.clear()
        near = ann.log(source, "m")
        assert bucket.asked["RANGE"] == 0
        bucket.asked.clear()
        far = bob.log(folder({"m.safetensors": trained(2)}), "m")

    assert near.stored < 0.6 * len(first) < 0.8 * far.stored
    assert bucket.asked["RANGE"] <= 2 * 2  # the indexes of two packs, and no chunk
    with client(bucket, tmp_path / "eve") as eve:
        assert b"".join(eve.read("m:v1", "m.safetensors")) == trained(1)
        assert eve.fsck(full=True).findings == ()


def test_a_folder_keeps_no_chunks_beside_it(tmp_path: Path, folder: Callable[..., str]) -> None:
    with Repository.init(tmp_path / "local", cache=str(tmp_path / "cache")) as repository:
        repository.log(folder({"m.safetensors": trained(0)}), "m")

    assert not (tmp_path / "cache" / "chunks").exists()


def client(bucket: Bucket, cache: Path, *, new: bool = False) -> Repository:
    make = Repository.init_storage if new else Repository.open_storage
    return make(Replica(bucket, str(cache / "replica"), "bucket"), "bucket", cache=str(cache))


def trained(steps: int) -> bytes:
    """A model after so many steps of training."""
    weights = np.random.default_rng(0).normal(0, 0.02, 300_000)
    for step in range(steps):
        weights = weights + np.random.default_rng(step + 1).normal(0, 1e-5, weights.shape)
    data = weights.astype("<f4").tobytes()
    header = json.dumps({"w": {"dtype": "F32", "shape": [300_000], "data_offsets": [0, len(data)]}}).encode()
    return len(header).to_bytes(8, "little") + header + data
