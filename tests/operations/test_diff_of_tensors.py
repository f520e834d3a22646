"""Which tensors differ between two versions, and by how much."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import model_files
import numpy as np
import pytest
from safetensors.numpy import save

from mreg.operations.patterns import UnmatchedPattern
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import MissingPath
from mreg.values.tensors import TensorDiff

Arrays = dict[str, Any]
Compare = Callable[..., TensorDiff]

KINDS = ("changed", "cast", "reshaped", "renamed", "added", "removed", "skipped", "equal")


def arrays(seed: int = 0) -> Arrays:
    """Some long tensors, some that share a chunk with their neighbours, one of each size in between."""
    random = np.random.default_rng(seed)
    found = {f"layers.{n}.weight": random.standard_normal((300, 1000)).astype("f4") for n in range(3)}
    found |= {f"layers.{n}.bias": random.standard_normal(20).astype("f4") for n in range(3)}
    return found | {"scalar": np.float32(seed + 3), "empty": np.zeros((0, 4), "f4"), "ids": np.arange(2000)}


@pytest.fixture
def compare(repo: Repository, folder: Callable[..., str]) -> Compare:
    """Log two lots of files, and compare their tensors with statistics."""

    def compare(before: Mapping[str, bytes], after: Mapping[str, bytes], **options: Any) -> TensorDiff:
        for files in (before, after):
            repo.log(folder(files), "net", always=True)
        found = repo.diff("net:v0", "net:v1", **{"tensors": True, "statistics": True, "everything": True} | options)
        assert found.tensors is not None
        return found.tensors

    return compare


def model(tensors: Arrays, name: str = "model.safetensors") -> dict[str, bytes]:
    return {name: save({key: np.asarray(array) for key, array in tensors.items()})}


def counts(found: TensorDiff) -> dict[str, int]:
    """How many are of each kind that there is."""
    return {kind: len(getattr(found, kind)) for kind in KINDS if getattr(found, kind)}


def names(pairs: Any) -> list[str]:
    return [pair.after.name for pair in pairs]


def sharded(tensors: Arrays, count: int, *, index: bool = False) -> dict[str, bytes]:
    """The same model in several files; with an index they have names of no pattern."""
    parts: list[Arrays] = [{} for _ in range(count)]
    for number, (key, array) in enumerate(tensors.items()):
        parts[number % count][key] = array
    paths = [f"part-{n}.safetensors" if index else f"model-{n + 1:05}-of-{count:05}.safetensors" for n in range(count)]
    files = {path: model(part)["model.safetensors"] for path, part in zip(paths, parts, strict=True)}
    if index:
        weight_map = {key: path for path, part in zip(paths, parts, strict=True) for key in part}
        files["model.safetensors.index.json"] = json.dumps({"weight_map": weight_map}).encode()
    return files


def test_tensors_are_sorted_into_equal_changed_added_and_removed(compare: Compare) -> None:
    before = arrays()
    after = {key: array for key, array in before.items() if key != "ids"}
    after |= {"layers.1.weight": before["layers.1.weight"] * 1.5, "new": np.ones(500, "f4")}

    found = compare(model(before), model(after))

    assert counts(found) == {"changed": 1, "added": 1, "removed": 1, "equal": 7}
    (pair,) = found.changed
    assert pair.statistics is not None
    assert pair.statistics.relative == pytest.approx(0.5)
    assert pair.statistics.changed == 1
    assert (names(found.changed), found.added[0].name, found.removed[0].name) == (["layers.1.weight"], "new", "ids")


@pytest.mark.parametrize("index", [False, True])
def test_one_file_and_five_shards_of_it_do_not_differ(index: bool, compare: Compare) -> None:
    found = compare(model(arrays()), sharded(arrays(), 5, index=index))

    assert counts(found) == {"equal": len(arrays())}


def test_shards_that_were_divided_otherwise_do_not_differ(compare: Compare) -> None:
    found = compare(sharded(arrays(), 2), sharded(arrays(), 5))

    assert counts(found) == {"equal": len(arrays())}


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda tensors: {"pytorch_model.bin": model_files.torch_file(tensors)}, id="torch"),
        pytest.param(lambda tensors: {"weights.npz": model_files.npz(tensors)}, id="npz"),
        pytest.param(lambda tensors: {"weights.npz": model_files.npz(tensors, compressed=True)}, id="npz, compressed"),
    ],
)
def test_the_same_tensors_in_another_format_do_not_differ(write: Callable[..., Any], compare: Compare) -> None:
    found = compare(write(arrays()), model(arrays()))

    assert counts(found) == {"equal": len(arrays())}


def test_float32_that_became_bfloat16_is_told_as_rounded(compare: Compare) -> None:
    weights = np.random.default_rng(0).standard_normal(3 << 19).astype("f4")
    bits = weights.view("<u4")
    halves = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")
    torch = {
        "m.pt": model_files.torch_file({"rounded": halves, "cut": (bits >> 16).astype("<u2")}, bf16=["rounded", "cut"])
    }

    found = compare(model({"rounded": weights, "cut": weights}), torch)

    assert {pair.after.name: pair.rounded for pair in found.cast} == {"rounded": True, "cut": False}
    assert counts(found) == {"cast": 2}
    cut = next(pair.statistics for pair in found.cast if pair.after.name == "cut")
    assert cut is not None and cut.relative is not None and 0 < cut.relative < 0.01


def test_renamed_tensors_are_found_by_their_bytes_and_swapped_ones_have_changed(compare: Compare) -> None:
    before = arrays()
    after = dict(before)
    after["moved.weight"] = after.pop("layers.0.weight")
    after["moved.bias"] = after.pop("layers.0.bias")  # shares a chunk with others
    after["layers.1.weight"], after["layers.2.weight"] = after["layers.2.weight"], after["layers.1.weight"]

    found = compare(model(before), model(after))

    assert counts(found) == {"changed": 2, "renamed": 2, "equal": 5}
    assert {(pair.before.name, pair.after.name) for pair in found.renamed} == {
        ("layers.0.weight", "moved.weight"),
        ("layers.0.bias", "moved.bias"),
    }
    assert sorted(names(found.changed)) == ["layers.1.weight", "layers.2.weight"]


def test_of_several_renamed_tensors_with_the_same_bytes_each_finds_one(compare: Compare) -> None:
    same = np.arange(5000, dtype="f4")

    found = compare(model({"a.0": same, "a.1": same, "gone": same}), model({"b.0": same, "b.1": same}))

    assert [(pair.before.name, pair.after.name) for pair in found.renamed] == [("a.0", "b.0"), ("a.1", "b.1")]
    assert [one.name for one in found.removed] == ["gone"]


def test_a_tensor_that_moved_to_another_file_is_told_with_both(compare: Compare) -> None:
    one, other = np.arange(5000, dtype="f4"), np.arange(4000, dtype="f4")
    before = model({"x": one, "y": other}, "a.safetensors") | model({"z": other * 2}, "b.safetensors")
    after = model({"y": other}, "a.safetensors") | model({"z": other * 2, "x": one}, "b.safetensors")

    found = compare(before, after)

    (pair,) = found.renamed
    assert (pair.before.name, pair.before.file, pair.after.name, pair.after.file) == (
        *("x", "a.safetensors"),
        *("x", "b.safetensors"),
    )


def test_tied_tensors_are_measured_once_and_name_each_other(compare: Compare) -> None:
    before, after = (np.random.default_rng(n).standard_normal(4000).astype("f4") for n in range(2))

    found = compare(model({"embed": before, "head": before}), model({"embed": after, "head": after}))

    assert counts(found) == {"changed": 2}
    assert [(pair.after.name, pair.after.tied_to) for pair in found.changed] == [("embed", None), ("head", "embed")]
    assert found.changed[0].statistics == found.changed[1].statistics


def test_a_name_that_two_shards_have_is_matched_by_its_place(compare: Compare) -> None:
    first, second = np.arange(4000, dtype="f4"), np.arange(4000, dtype="f4") + 1
    files = {
        "m-00001-of-00002.safetensors": model({"a": first})["model.safetensors"],
        "m-00002-of-00002.safetensors": model({"a": second})["model.safetensors"],
    }

    found = compare(files, files | {"m-00002-of-00002.safetensors": model({"a": second * 2})["model.safetensors"]})

    assert counts(found) == {"changed": 1, "equal": 1}


def test_another_shape_is_told_and_not_measured(compare: Compare) -> None:
    found = compare(model({"bias": np.zeros(10, "f4")}), model({"bias": np.zeros((2, 5), "f4")}))

    assert counts(found) == {"reshaped": 1}
    assert found.reshaped[0].statistics is None


def test_what_blew_up_comes_first_and_then_the_largest_relative_difference(compare: Compare) -> None:
    before = {f"layers.{n}": np.ones(3000, "f4") * (n + 1) for n in range(12)}
    after = {name: array * (1 + n / 100) for n, (name, array) in enumerate(before.items())}
    after["layers.3"] = np.where(np.arange(3000) == 5, np.float32("nan"), before["layers.3"])

    found = compare(model(before), model(after))

    assert names(found.changed) == ["layers.3", *(f"layers.{n}" for n in (11, 10, 9, 8, 7, 6, 5, 4, 2, 1))]
    assert [pair.blew_up for pair in found.changed] == [True] + [False] * 10
    assert found.changed[0].statistics is not None and found.changed[0].statistics.nan_after == 1


def test_equal_bytes_that_were_cut_otherwise_are_equal(compare: Compare) -> None:
    """In an opaque file tensors are cut anywhere, here by a member in front of the archive's own."""
    before, after = model_files.npz(arrays()), model_files.npz({"0": np.zeros(77, "u1")} | arrays())

    found = compare({"a.npz": before}, {"a.npz": after})

    assert counts(found) == {"added": 1, "equal": len(arrays())}


def test_compressed_arrays_are_compared_by_their_values(compare: Compare) -> None:
    rng = np.random.default_rng(0)
    before = {"same": rng.standard_normal(1000), "large": rng.integers(0, 9, 5 << 20, "u1"), "gone": np.zeros(9)}
    after = {"same": before["same"], "large": before["large"].copy(), "renamed": before["gone"]}
    after["large"][-1] += 1

    found = compare(
        {"a.npz": model_files.npz(before, compressed=True)}, {"a.npz": model_files.npz(after, compressed=True)}
    )

    assert counts(found) == {"changed": 1, "equal": 1, "renamed": 1}
    assert found.changed[0].statistics is not None
    assert found.changed[0].statistics.changed == pytest.approx(1 / (5 << 20))


def test_a_compressed_array_that_is_broken_is_told_and_the_others_compared(compare: Compare) -> None:
    values = {"good": np.arange(1000.0), "large": np.random.default_rng(0).integers(0, 9, 1 << 20, "u1")}
    data = bytearray(model_files.npz(values, compressed=True))
    whole = bytes(data)
    at = data.index(b"large.npy") + (1 << 18)
    data[at : at + 100] = bytes(100)

    found = compare({"a.npz": whole}, {"a.npz": bytes(data)})

    assert names(found.equal) == ["good"]
    assert [one.tensor for one in found.skipped] == ["large"] or names(found.changed) == ["large"]


def test_names_are_matched_without_a_prefix_and_one_is_proposed(
    compare: Compare, repo: Repository, folder: Callable[..., str]
) -> None:
    before, after = arrays(0), {f"module.{name}": array for name, array in arrays(1).items()}

    found = compare(model(before), model(after))
    stripped = repo.diff("net:v0", "net:v1", tensors=True, strip_prefix=("", "module.")).tensors

    assert found.prefixes == ("", "module.")
    assert stripped is not None and stripped.prefixes == ("", "")
    assert counts(stripped) == {"changed": 7, "equal": 2}


@pytest.mark.parametrize("glob", ["layers.1.*", ["*.1.*"], ["ids", "layers.1.?????*"]])
def test_only_tensors_that_match_a_pattern_are_compared(glob: Any, compare: Compare) -> None:
    found = compare(model(arrays(0)), model(arrays(1)), tensors=glob)

    assert set(names(found.changed)) <= {"layers.1.weight", "layers.1.bias"}
    assert "layers.1.weight" in names(found.changed)
    assert counts(found).keys() <= {"changed", "equal"}


@pytest.mark.parametrize(
    ("globs", "pattern", "near"),
    [
        ("nomatch*", "nomatch*", []),
        (["layers.*", "layres.1.*"], "layres.1.*", ["layers.1.*"]),
        (["*.biass"], "*.biass", ["*.bias"]),
        ("scalr", "scalr", ["scalar"]),
    ],
)
@pytest.mark.parametrize("everything", [True, False])
def test_a_pattern_that_matches_no_tensor_is_refused(
    globs: Any, pattern: str, near: list[str], everything: bool, compare: Compare
) -> None:
    with pytest.raises(UnmatchedPattern) as caught:
        compare(model(arrays(0)), model(arrays(1)), tensors=globs, everything=everything)

    facts = caught.value.facts
    assert (facts["before"], facts["after"], facts["pattern"]) == ("net:v0", "net:v1", pattern)
    assert facts["near"][:1] == near


def test_a_pattern_may_match_on_one_side_or_in_files_that_are_equal(compare: Compare) -> None:
    other = {"equal.safetensors": model({"embed": np.ones(3)})["model.safetensors"]}

    found = compare(
        model(arrays(0)) | other,
        model(arrays(0) | {"new": np.ones(2)}) | other,
        tensors=["new", "embed"],
        everything=False,
    )

    assert counts(found) == {"added": 1}


def test_a_pattern_may_mean_a_tensor_of_a_file_that_cannot_be_told(compare: Compare) -> None:
    broken = {"model.safetensors": model(arrays(0))["model.safetensors"][:50]}

    found = compare(broken, model(arrays(0)), tensors=["nomatch"])

    assert counts(found) == {"skipped": 1}


def test_files_outside_are_compared_with_a_version_and_nothing_is_logged(
    repo: Repository, folder: Callable[..., str]
) -> None:
    changed = arrays() | {"layers.0.bias": np.ones(20, "f4")}
    repo.log(folder(model(arrays()) | {"notes.txt": b"1"}), "net")
    here = folder(model(changed) | {"more.txt": b"2"})

    found = repo.diff("net", here, tensors=True, statistics=True)

    assert found.tensors is not None
    assert counts(found.tensors) == {"changed": 1, "equal": len(arrays()) - 1}
    assert ([one.path for one in found.added], [one.path for one in found.removed]) == (["more.txt"], ["notes.txt"])
    assert (found.after.name, found.metadata) == (here, {})
    assert [entry.seq for entry in repo.history()] == [1]


def test_a_file_outside_is_compared_with_the_one_of_its_name(repo: Repository, folder: Callable[..., str]) -> None:
    repo.log(folder({"sub/" + path: data for path, data in model(arrays()).items()} | {"config.json": b"{}"}), "net")
    here = Path(folder(model(arrays(1)))) / "model.safetensors"

    found = repo.diff("net", here, tensors=True)

    assert found.tensors is not None
    assert counts(found.tensors) == {"changed": 7, "equal": 2}
    assert (found.added, found.removed, len(found.changed)) == ((), (), 1)


@pytest.mark.parametrize("path", ["./nothing", "../nothing", "/nothing", "~/nothing"])
def test_a_path_that_is_not_there_is_told(path: str, repo: Repository, folder: Callable[..., str]) -> None:
    repo.log(folder(model(arrays())), "net")

    with pytest.raises(MissingPath):
        repo.diff("net", path)


def flip(storage: MemoryStorage, data: bytes) -> None:
    """Change a byte of the chunk that is kept as it is with these bytes."""
    for key in storage.list("packs"):
        entry = storage._entries[key]
        if (at := entry.data.find(data)) >= 0:
            changed = bytearray(entry.data)
            changed[at] ^= 1
            entry.data = bytes(changed)
            return
    raise AssertionError("no such bytes")


def random_model(changed: int | None = None) -> tuple[Arrays, dict[str, bytes]]:
    """Three tensors of noise, which is kept as it is."""
    tensors = {name: np.frombuffer(np.random.default_rng(n).bytes(3 << 20), "u1") for n, name in enumerate("abc")}
    if changed is not None:
        tensors["abc"[changed]] = np.frombuffer(np.random.default_rng(9).bytes(3 << 20), "u1")
    return tensors, model(tensors)


def test_a_damaged_tensor_is_named_and_the_rest_is_compared(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    before, files = random_model()
    after = {"a": before["c"], "b": before["b"][::-1].copy(), "c": np.zeros(9, "u1")}
    for lot in (files, model(after)):
        repo.log(folder(lot), "net")
    flip(storage, before["a"].tobytes()[1 << 20 : (1 << 20) + 64])

    found = repo.diff("net:v0", "net:v1", tensors=True, statistics=True).tensors

    assert found is not None
    (skipped,) = found.skipped
    assert (skipped.file, skipped.tensor, skipped.damaged, skipped.before) == ("model.safetensors", "a", True, True)
    assert "do not match" in skipped.reason
    assert (names(found.changed), names(found.reshaped), found.damaged) == (["b"], ["c"], True)


def compressed(tensors: Arrays) -> bytes:
    return model_files.npz(tensors, compressed=True)


FORMATS: dict[str, tuple[str, Callable[[Arrays], bytes]]] = {
    "safetensors": ("safetensors", save),
    "torch": ("pt", model_files.torch_file),
    "npz": ("npz", model_files.npz),
    "compressed npz": ("npz", compressed),
    "keras": ("keras", model_files.keras),
    "hdf5": ("h5", model_files.h5),
    "gguf": ("gguf", model_files.gguf),
}


@pytest.mark.parametrize("damaged", "abc")
@pytest.mark.parametrize("length", [40 << 10, 512 << 10])
@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_tensor_is_the_only_one_that_is_left_out_in_every_format(
    form: str, length: int, damaged: str, repo: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    ending, write = FORMATS[form]
    lots = [
        {name: np.frombuffer(np.random.default_rng(seed + n).bytes(length), "i1") for n, name in enumerate("abc")}
        for seed in (0, 10)
    ]
    for lot in lots:
        repo.log(folder({f"model.{ending}": write(lot)}), "net")
    data = lots[1][damaged].tobytes()
    if form == "compressed npz":
        packed = write(lots[1])
        member = zipfile.ZipFile(io.BytesIO(packed)).getinfo(f"{damaged}.npy")
        data = packed[member.header_offset : member.header_offset + member.compress_size]
    flip(storage, data[len(data) // 2 :][:64])

    found = repo.diff("net:v0", "net:v1", tensors=True, statistics=True).tensors

    assert found is not None
    assert [(one.damaged, one.before, damaged in (one.tensor or "").split("/")) for one in found.skipped] == [
        (True, False, True)
    ]
    assert [damaged in one.split("/") for one in names(found.changed)] == [False, False]
    assert not (found.added or found.removed or found.renamed)


def test_a_file_whose_header_is_damaged_is_named_and_its_tensors_are_not_told_as_removed(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    (_, before), (_, after) = random_model(), random_model(changed=0)
    other = model({"x": np.ones(9)}, "other.safetensors")
    repo.log(folder(before | model({"x": np.zeros(9)}, "other.safetensors")), "net")
    repo.log(folder(after | other), "net")
    flip(storage, before["model.safetensors"][:64])

    found = repo.diff("net:v0", "net:v1", tensors=True).tensors

    assert found is not None
    assert counts(found) == {"changed": 1, "skipped": 2}  # both versions have this header
    assert {(one.file, one.tensor) for one in found.skipped} == {("model.safetensors", None)}


class Counting(MemoryStorage):
    """Counts the bytes that are read from packs."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def read(self, key: str, start: int, length: int) -> bytes:
        found = super().read(key, start, length)
        self.count += len(found) if key.startswith("packs/") else 0
        return found


@pytest.fixture
def counted(tmp_path: Path, folder: Callable[..., str]) -> Callable[..., int]:
    """Log two lots of files; how many bytes of the packs their comparison reads."""

    def counted(before: Mapping[str, bytes], after: Mapping[str, bytes], **options: Any) -> int:
        storage = Counting()
        with Repository.init_storage(storage, "memory", cache=str(tmp_path / "counted")) as repo:
            for files in (before, after):
                repo.log(folder(files), "net", always=True)
            repo.diff("net:v0", "net:v1")  # the lookup tables are up to date then
            storage.count = 0
            repo.diff("net:v0", "net:v1", **{"tensors": True, "statistics": True, "everything": True} | options)
            return storage.count

    return counted


def test_of_equal_versions_only_headers_are_read(counted: Callable[..., int]) -> None:
    _, files = random_model()

    assert 0 < counted(files, files) < 16 << 10


def test_which_tensors_differ_is_known_from_headers_and_recipes(counted: Callable[..., int]) -> None:
    (_, before), (_, after) = random_model(), random_model(changed=1)

    assert counted(before, after, statistics=False) < 16 << 10


def test_only_tensors_that_differ_are_read_for_statistics(counted: Callable[..., int]) -> None:
    (_, before), (_, after) = random_model(), random_model(changed=1)

    assert counted(before, after) < (6 << 20) + (32 << 10)


def test_what_a_tensor_is_stored_as_the_difference_to_is_read_once(counted: Callable[..., int]) -> None:
    before = np.random.default_rng(1).standard_normal(1 << 20).astype("f4")
    after = before + np.random.default_rng(2).standard_normal(1 << 20).astype("f4") / 1000

    read = counted(model({"a": before}), model({"a": after}))

    assert read < 1.9 * before.nbytes  # a chunk and the difference to it are less than two


def test_beside_a_file_of_which_not_all_is_known_no_tensor_is_told_as_removed(compare: Compare) -> None:
    """What the other file has besides may be among those that are not known."""
    before = model_files.h5({"a": np.arange(50.0), "b": np.arange(60.0)})
    after = model_files.h5({"a": np.arange(50.0), "new": np.arange(80.0)}, chunked={"c": np.arange(70.0)})

    found = compare({"m.h5": before}, {"m.h5": after})

    assert counts(found) == {"equal": 1, "added": 1, "skipped": 1}
