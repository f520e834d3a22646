"""Folders of numbered checkpoints."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.importers.checkpoint_names import understood
from mreg.importers.faults import MalformedSource, NothingToImport, OutsideSource
from mreg.repository import Repository


@pytest.fixture
def runs(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder `runs` with these files, each of which holds its own name."""

    def runs(*paths: str) -> Path:
        for path in paths:
            file = tmp_path / "runs" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(path)
        return tmp_path / "runs"

    return runs


def messages(repo: Repository, name: str = "runs") -> list[str]:
    return [version.message for version in repo.versions(name)]


@pytest.mark.parametrize(
    ("names", "metadata"),
    [
        (["checkpoint-500", "checkpoint-1000", "checkpoint-1500"], {"step": 500}),
        (["epoch=3-val=0.1", "epoch=4-val=0.25", "epoch=10-val=0.05"], {"epoch": 3, "metrics": {"val": 0.1}}),
        (["epoch=0-step=90", "epoch=0-step=180", "epoch=1-step=200"], {"epoch": 0, "step": 90}),
        (["model_epoch_2", "model_epoch_10"], {"epoch": 2}),
        (["global_step9", "global_step10"], {"step": 9}),
        (["iter_0000900", "iter_0001000"], {"iter": 900}),
        (["weights.01-0.95", "weights.02-0.90"], {}),
        (["0009", "0010"], {}),
        (["step=1-loss=1e-05", "step=2-loss=-3.5E+2"], {"step": 1, "metrics": {"loss": 1e-05}}),
        (["epoch=1-val=inf", "epoch=2-val=nan"], {"epoch": 1, "metrics": {"val": "Infinity"}}),
        (["step=1e999-epoch=1", "step=2e99-epoch=2"], {"epoch": 1, "metrics": {"step": "Infinity"}}),
        (["epoch=3-val=0.1", "epoch=3-val=0.1-v1"], {"epoch": 3, "metrics": {"val": 0.1}}),
    ],
)
def test_order_and_metrics_are_those_of_the_names(
    repo: Repository, runs: Callable[..., Path], names: list[str], metadata: dict[str, Any]
) -> None:
    source = runs(*(f"{name}/model.bin" for name in reversed(names)))

    repo.import_from(source, "checkpoints")

    assert messages(repo) == names
    assert repo.version("runs:v0").metadata == metadata


def test_single_files_are_checkpoints_too(repo: Repository, runs: Callable[..., Path]) -> None:
    source = runs("epoch=3-val=0.1.ckpt", "epoch=12-val=0.05.ckpt", "last.ckpt", "log-1.txt")

    done = repo.import_from(source, artifact="resnet")

    assert messages(repo, "resnet") == ["epoch=3-val=0.1.ckpt", "epoch=12-val=0.05.ckpt"]
    assert [file.path for file in repo.files("resnet:v0")] == ["epoch=3-val=0.1.ckpt"]
    assert done.system == "checkpoints", "it was recognised"
    assert done.notes == ("'last.ckpt' is left out: its name contains no step",)


def test_what_the_trainer_logged_is_in_the_metrics(repo: Repository, runs: Callable[..., Path]) -> None:
    source = runs("checkpoint-10/model.safetensors")
    rows = [{"step": 5, "loss": 2.0}, {"step": 10, "loss": 1.0, "epoch": 1}, {"step": 10, "eval_loss": 1.5}]
    (source / "checkpoint-10" / "trainer_state.json").write_text(json.dumps({"log_history": rows}))

    repo.import_from(source)

    assert repo.version("runs:v0").metadata == {"step": 10, "metrics": {"loss": 1.0, "eval_loss": 1.5}}


def test_a_trainer_state_that_is_not_understood_is_only_a_file(repo: Repository, runs: Callable[..., Path]) -> None:
    for number, text in enumerate(["[1]", "{", '{"log_history": 3}', "[" * 100_000]):
        source = runs(f"checkpoint-{number}/model.bin")
        (source / f"checkpoint-{number}" / "trainer_state.json").write_text(text)

    repo.import_from(source)

    assert [version.metadata for version in repo.versions("runs")] == [{"step": number} for number in range(4)]


def test_each_run_is_a_collection(repo: Repository, runs: Callable[..., Path]) -> None:
    source = runs(
        *(f"lightning_logs/version_{n}/checkpoints/epoch={epoch}.ckpt" for n in (0, 1) for epoch in (1, 2)),
        "lightning_logs/version_0/hparams.yaml",
    )

    done = repo.import_from(source)

    assert [one.artifact for one in done.collections] == [
        "runs-lightning_logs-version_0-checkpoints",
        "runs-lightning_logs-version_1-checkpoints",
    ]
    assert len(done.added) == 4


def test_other_files_with_numbers_are_no_checkpoints(repo: Repository, runs: Callable[..., Path]) -> None:
    source = runs("checkpoint-1/model.bin", "checkpoint-2/model.bin", "rng_state_0.pth", "shard-00001.bin")

    done = repo.import_from(source)

    assert messages(repo) == ["checkpoint-1", "checkpoint-2"]
    assert [note.split("'")[1] for note in done.notes] == ["rng_state_0.pth", "shard-00001.bin"]


def test_a_new_checkpoint_is_added_and_one_that_was_overwritten_too(
    repo: Repository, runs: Callable[..., Path]
) -> None:
    # given
    source = runs("checkpoint-1/model.bin", "checkpoint-2/model.bin")
    repo.import_from(source)
    assert repo.import_from(source).added == ()

    # when
    runs("checkpoint-3/model.bin")
    (source / "checkpoint-1" / "model.bin").write_text("trained again")
    done = repo.import_from(source)

    # then
    assert done.added == ("runs:v2", "runs:v3")
    assert messages(repo) == ["checkpoint-1", "checkpoint-2", "checkpoint-1", "checkpoint-3"]
    assert repo.import_from(source).added == ()


def test_a_link_out_of_the_source_is_refused_unless_its_place_is_named(
    repo: Repository, runs: Callable[..., Path], tmp_path: Path
) -> None:
    # given
    source = runs("checkpoint-1/config.json")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model.bin").write_text("secret")
    os.symlink(tmp_path / "elsewhere" / "model.bin", source / "checkpoint-1" / "model.bin")

    # when
    with pytest.raises(OutsideSource):
        repo.import_from(source)

    # then
    assert repo.history() == []
    assert repo.import_from(source, data=[str(tmp_path / "elsewhere")]).added == ("runs:v0",)


def test_what_is_not_chosen_does_not_matter(repo: Repository, runs: Callable[..., Path]) -> None:
    source = runs("good/checkpoint-1/model.bin", "bad/checkpoint-1/model.bin")
    os.symlink("/etc/hostname", source / "bad" / "checkpoint-1" / "more.bin")
    with pytest.raises(OutsideSource):
        repo.import_from(source)

    assert repo.import_from(source, only="runs/good").added == ("runs-good:v0",)


def test_a_folder_without_checkpoints_is_refused(repo: Repository, runs: Callable[..., Path]) -> None:
    with pytest.raises(NothingToImport):
        repo.import_from(runs("notes.txt", "sub/readme.md"), "checkpoints")


def test_the_source_is_only_read(repo: Repository, runs: Callable[..., Path], only_read: Any) -> None:
    source = runs("checkpoint-1/model.bin", "checkpoint-1/sub/more.bin")

    with only_read(source):
        repo.import_from(source)


@pytest.mark.parametrize("name", ["", "last", "best-model", "=", "epoch=", "-" * 5000, "a=" * 5000])
def test_a_name_without_a_number_says_nothing(name: str) -> None:
    assert understood(name) is None


@pytest.fixture
def linked(runs: Callable[..., Path], tmp_path: Path) -> Path:
    """Checkpoints of which one is a link to another disk, and one a link to nothing."""
    source = runs("checkpoint-1/model.bin")
    (tmp_path / "scratch" / "big").mkdir(parents=True)
    (tmp_path / "scratch" / "big" / "model.bin").write_text("big")
    os.symlink(tmp_path / "scratch" / "big", source / "checkpoint-2")
    os.symlink(tmp_path / "gone", source / "checkpoint-3")
    return source


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_checkpoint_that_is_a_link_out_of_the_source_is_named_and_the_rest_is_imported(
    repo: Repository, linked: Path, tmp_path: Path, dry_run: bool
) -> None:
    done = repo.import_from(linked, dry_run=dry_run)

    scratch = tmp_path / "scratch" / "big"
    assert [one.id for one in done.collections[0].versions] == ["checkpoint-1"]
    assert [note.partition(" is ")[0] for note in done.notes] == ["'checkpoint-2'", "'checkpoint-3'"]
    assert f"`--data {scratch}`" in done.notes[0]
    if not dry_run:
        assert repo.import_from(linked, data=[str(scratch)]).added == ("runs:v1",)


def test_a_source_of_which_all_are_links_is_recognised_and_says_why_it_is_empty(
    repo: Repository, linked: Path, tmp_path: Path
) -> None:
    (linked / "checkpoint-1" / "model.bin").unlink()

    with pytest.raises(NothingToImport, match=r"checkpoint-2.*--data"):
        repo.import_from(linked)

    assert repo.import_from(linked, data=[str(tmp_path / "scratch")]).added == ("runs:v0",)


def test_a_link_to_a_folder_in_a_checkpoint_is_refused_by_what_it_is(
    repo: Repository, runs: Callable[..., Path]
) -> None:
    source = runs("checkpoint-1/model.bin", "shared/more.bin")
    os.symlink("../shared", source / "checkpoint-1" / "shared")

    with pytest.raises(MalformedSource, match=r"checkpoint-1/shared.*link to a folder"):
        repo.import_from(source)
