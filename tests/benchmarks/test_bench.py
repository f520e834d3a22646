"""That `make bench` measures. How long anything takes is not asserted: that is for people to look at."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

RUN = Path(__file__).parent / "run.py"

STEPS = {"log", "log again, unchanged", "get", "get where it is", "bytes kept"}
NAMES = {
    "start-up": {"--version", "resolve NAME:ALIAS", "resolve NAME", "alias ls", "use, cached", "ls NAME, 20 versions"},
    "new cache": {
        f"{what}, 20 versions{more}"
        for what, more in (("ls", ""), ("ls NAME", ""), ("resolve NAME", ""), ("ls", ", no checkpoint"))
    },
    "capture": {"log in a checkout of 50 files"},
    "one file": {f"{step}, 2 MiB" for step in STEPS | {"most memory of all steps"}},
    "many files": {f"{step}, 50 x 4 KiB" for step in STEPS},
    "bucket": {"log, 2 MiB", "get, 2 MiB", "most memory, 2 MiB"},
    "search": {
        f"{what}, 20 versions{beyond}"
        for what in (
            *("first search", "resolve", "top 20", "three tests, top 20", "count", "text"),
            *("metrics", "lineage", "ls --limit 20"),
        )
        for beyond in ("", ", CPU beyond resolve")
        if not (beyond and what in ("first search", "resolve"))
    },
    "diff": {
        f"{what}, 2 x 2 MiB"
        for what in ("nothing differs", "10 % of the bytes changed", "all changed a little", "most memory")
    },
    "import": {f"{what}, 3 x 1 MiB" for what in ("import", "import again")},
    "export": {
        f"{what}, 2 MiB"
        for what in (
            *("export --oci, first", "export --oci, SHA-256 known", "export --oci from the cache, first"),
            *("export --oci from the cache, SHA-256 known", "SHA-256 alone", "bytes of cache and export"),
        )
    },
    "transfers": {f"{what}, 3 x 2 MiB" for what in ("push --all", "pull --all", "clone")},
    "bytes sent": {
        f"{what}, to a folder"
        for what in ("all ten steps", "the last step of ten", "again", "a step whose base is not there")
    },
    "tensors": {
        "integrations.numpy.load of 8 MiB, beside get and load",
        "one tensor of 8 MiB, beside get and load",
    },
    "checkpoints: 10 % changed": {"log, 10 x 4 MiB", "bytes kept, 10 x 4 MiB"},
    "checkpoints: full fine-tune": {"log, 10 x 4 MiB", "bytes kept, 10 x 4 MiB"},
    "checkpoints: small learning rate": {"log, 10 x 4 MiB", "bytes kept, 10 x 4 MiB"},
    "checkpoints: a tensor more in front": {"log, 10 x 4 MiB", "bytes kept, 10 x 4 MiB"},
}
MODELS = {"silero-vad", "pocketnet, 5 folds", "training run with Adam"}

MLFLOW = "MLflow's registry"
CALLS = {
    "create a model",
    "register a version",
    "set a tag",
    "set an alias",
    "get by alias",
    "get by alias, of 10 ms",
    "get a model",
    "search the versions of a model",
    "search models",
    "search models, of 1000 ms",
    "search versions",
    "search versions, of 1000 ms",
    "list all versions",
}

KEEPS = """#!/bin/sh
case "$*" in
    version) echo "restic of a test" ;;
    *init*) mkdir repo ;;
    *backup*) rm -rf repo/last && cp -r "$SOURCE" repo/last ;;
    *restore*) mkdir -p got && cp -r repo/last got ;;
esac
"""
ALTERS = """#!/bin/sh
case "$*" in
    --version) echo "borg of a test" ;;
    *init*) mkdir repo ;;
    *create*) rm -rf repo/last && cp -r "$SOURCE" repo/last ;;
    *extract*)
        cp -r ../repo/last .
        for file in last/*; do head -c 4999 "$file" >cut && echo >>cut && mv cut "$file"; done ;;
esac
"""
FAILS = """#!/bin/sh
[ "$1" = --version ] && echo 1 && exit
echo "no space" >&2
exit 7
"""


def bench(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUN), "--rounds", "1", "--tiny", *options],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=900,
    )


def test_every_row_is_a_finite_number_and_nothing_is_left_behind(tmp_path: Path) -> None:
    scratch, result = tmp_path / "scratch", tmp_path / "result.json"
    scratch.mkdir()

    page = tmp_path / "page.md"
    done = bench("--no-peers", "--json", str(result), "--markdown", str(page), TMPDIR=str(scratch))

    assert done.returncode == 0, done.stderr
    document = json.loads(result.read_text())
    rows = document["rows"]
    mine = [(row["group"], row["name"]) for row in rows if row["tool"] == "mreg"]
    models = {name for group, name in mine if group == "real models"}
    assert sorted(pair for pair in mine if pair[0] not in ("real models", MLFLOW)) == sorted(
        (group, name) for group, names in NAMES.items() for name in names
    )
    # All of MLflow is installed for the slow tests only.
    assert {name for group, name in mine if group == MLFLOW} in (set(), CALLS)
    assert any(group == MLFLOW for group, _ in mine) == (RUN.parents[2] / ".testdata" / "mlflow").is_dir()
    assert "training run with Adam" in models
    # What is not measured is told, with the reason.
    assert models | {line["name"] for line in document["skipped"] if line["group"] == "real models"} == MODELS
    for row in rows:
        figures = [row[key] for key in ("measured", "bound", "ratio", "low", "high")] + list(row["more"].values())
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures), row
        assert row["name"] in done.stdout and row["name"] in page.read_text()
    for line in document["skipped"]:
        assert line["name"] in done.stdout and line["reason"] in done.stdout
    # Bytes are the same each time, so here something may be asked for: nothing that did not change is kept twice.
    kept = [row for row in rows if row["group"].startswith("checkpoints") and row["unit"] == "bytes"]
    assert len(kept) == 4
    assert all(row["measured"] <= 1.15 * row["more"]["new_bytes"] for row in kept)
    assert list(scratch.iterdir()) == []


def test_one_group_can_be_measured_alone() -> None:
    done = bench("--no-peers", "--only", "one file")

    assert done.returncode == 0, done.stderr
    assert "most memory of all steps" in done.stdout
    assert "start-up" not in done.stdout


def test_peers_are_measured_where_they_work_and_otherwise_the_reason_is_told(tmp_path: Path) -> None:
    # Given a peer that works, one that gives back other bytes, one that fails, and one that is not there
    system, programs, result = tmp_path / "system", tmp_path / "programs", tmp_path / "result.json"
    system.mkdir()
    for name in ("sh", "cp", "rm", "mv", "mkdir", "head", "chmod", "sync", "df"):
        (system / name).symlink_to(shutil.which(name) or name)
    programs.mkdir()
    for name, script in {"restic": KEEPS, "borg": ALTERS, "dvc": FAILS}.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)

    # When they are measured
    chosen = ["--peers", "restic,borg,dvc,git-lfs", "--peers-path", str(programs)]
    done = bench("--only", "one file", *chosen, "--json", str(result), PATH=str(system))

    # Then
    assert done.returncode == 0, done.stderr
    document = json.loads(result.read_text())
    rows = {(row["name"], row["tool"]): row for row in document["rows"]}
    assert {tool for _, tool in rows} - {"mreg", "mreg, not encoded", "BLAKE3 only"} == {"restic"}
    assert {name for name, tool in rows if tool == "restic"} == {f"{step}, 2 MiB" for step in STEPS}
    assert rows["log, 2 MiB", "restic"]["note"] == ""
    assert rows["get, 2 MiB", "restic"]["note"] == "+ flush"
    assert ("log, 2 MiB, beside the fastest peer that flushes: restic", "mreg") in rows
    assert (
        rows["bytes kept, 2 MiB", "restic"]["measured"] == rows["bytes kept, 2 MiB", "restic"]["more"]["logical_bytes"]
    )
    reasons = {line["name"]: line["reason"] for line in document["skipped"]}
    assert reasons["borg"] == "get: what it wrote is not what was logged"
    assert reasons["dvc"] == reasons["dvc, hard links"] == "set-up: exit code 7: no space"
    assert reasons["git-lfs"] == "not installed (apt-get install git-lfs)"
    assert document["peers"]["restic"] == "restic of a test"


def test_an_unknown_peer_is_refused() -> None:
    done = bench("--peers", "restic,rsync")

    assert done.returncode == 2
    assert "no such peer: rsync" in done.stderr


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The modules of the benchmarks that make data; they find each other as scripts do."""
    monkeypatch.syspath_prepend(str(RUN.parent))
    import training
    import weights
    import workloads

    return {"training": training, "weights": weights, "workloads": workloads}


def test_bf16_is_rounded_to_the_nearest_and_a_tie_to_even(modules: dict[str, Any]) -> None:
    import numpy as np

    values = np.array([0x3F800000, 0x3F807FFF, 0x3F808000, 0x3F808001, 0x3F818000, 0xBF818000], np.uint32)

    data = modules["weights"].encode(values.view(np.float32), "BF16")

    assert data.view("<u2").tolist() == [0x3F80, 0x3F80, 0x3F80, 0x3F81, 0x3F82, 0xBF82]


def test_entropy_knows_what_repeats_and_what_does_not(modules: dict[str, Any]) -> None:
    import numpy as np

    entropy = modules["weights"].entropy
    random = np.random.default_rng(0).integers(0, 256, 1 << 20, np.uint8)

    assert entropy(np.zeros(4096, np.uint8), None, 4) == 0
    assert entropy(random, None, 2) == pytest.approx(len(random), rel=0.001)
    assert entropy(random, random.copy(), 2) == 0
    # A step over the border between two exponents is a small difference, whichever way it goes.
    before = np.arange(1 << 14, dtype="<u2")
    after = (before + np.tile([-1, 1], 1 << 13)).astype("<u2")
    assert entropy(after.view(np.uint8), before.view(np.uint8), 2) == len(after) / 8


def test_series_change_what_they_say_and_are_the_same_each_time(tmp_path: Path, modules: dict[str, Any]) -> None:
    import numpy as np

    workloads, weights = modules["workloads"], modules["weights"]
    names = ("trained_in_part", "fine_tuned", "fine_tuned_slowly", "grown_in_front")
    files = {name: [tmp_path / name / f"{step}.safetensors" for step in range(10)] for name in names}
    told = {name: weights.write_series(files[name], getattr(workloads, name)(4 << 20)) for name in names}
    tensors = {
        name: [{tensor[0]: tensor[1:] for tensor in weights.read_tensors(path)} for path in files[name]]
        for name in names
    }

    # Ten of a hundred tensors change a step.
    for before, after in zip(tensors["trained_in_part"], tensors["trained_in_part"][1:], strict=False):
        assert [name for name in before if before[name] != after[name]] == list(before)[-10:]
    # Half and half, and all weights move by .5 % of their spread.
    first, second = tensors["fine_tuned"][:2]
    sizes = [sum(len(data) for kind, _, data in first.values() if kind == dtype) for dtype in ("BF16", "F32")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)
    assert not [name for name in first if first[name] == second[name]]
    name = next(name for name in first if first[name][0] == "F32")
    moved = np.frombuffer(second[name][2], "<f4") - np.frombuffer(first[name][2], "<f4")
    assert moved.std() == pytest.approx(0.02 * 0.005, rel=0.1)
    # One weight in twenty moves, hardly any of them far.
    for before, after in pairwise(tensors["fine_tuned_slowly"]):
        first, second = (np.frombuffer(b"".join(data for *_, data in step.values()), "<u2") for step in (before, after))
        folded = weights.fold(second - first)
        assert (folded > 0).mean() == pytest.approx(0.05, abs=0.005)
        assert 0 < (folded > 0xFF).mean() < 0.0005
    # One in front of the others, which stay.
    for before, after in zip(tensors["grown_in_front"], tensors["grown_in_front"][1:], strict=False):
        assert list(after)[1:] == list(before)
        assert all(after[name] == before[name] for name in before)
    # The sizes that are told are those of the files and of what is new in them.
    for name in names:
        assert told[name].logical == sum(path.stat().st_size for path in files[name])
        pairs = zip([{}, *tensors[name]], tensors[name], strict=False)
        new = sum(len(after[key][2]) for before, after in pairs for key in after if after[key] != before.get(key))
        assert told[name].new == new > told[name].bound > (0.05 if name == "fine_tuned_slowly" else 0.4) * new
    again = [tmp_path / f"{step}.safetensors" for step in range(10)]
    weights.write_series(again, workloads.fine_tuned(4 << 20))
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files["fine_tuned"]]


def test_the_training_run_learns_and_keeps_what_it_needs_to_go_on(tmp_path: Path, modules: dict[str, Any]) -> None:
    from safetensors.numpy import load_file

    accuracy = modules["training"].train(tmp_path, hidden=32, epochs=10)

    states = [load_file(path) for path in sorted(tmp_path.glob("*/checkpoint.safetensors"))]
    assert len(states) == 10
    assert accuracy > 0.9
    weights = [name.removeprefix("model.") for name in states[0] if name.startswith("model.")]
    assert len(weights) == 6
    assert {f"{kind}.{name}" for kind in ("model", "adam.mean", "adam.square") for name in weights} | {
        "adam.step"
    } == set(states[0])
    assert [int(state["adam.step"][0]) for state in states] == [57 * epoch for epoch in range(1, 11)]
    assert not any((states[0][f"model.{name}"] == states[1][f"model.{name}"]).all() for name in weights)
