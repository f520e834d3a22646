"""A W&B script of which only the import was changed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.integrations import wandb
from mreg.repository import Repository
from mreg.values.names import PathOfProject

# As W&B documents them: the parameters of each, in their order; all but those without "=" default to None.
SIGNATURES: dict[Callable[..., Any], str] = {
    wandb.init: "entity= project= dir= id= name= notes= tags= config= config_exclude_keys= config_include_keys= "
    "allow_val_change= group= job_type= mode= force= anonymous= reinit= resume= resume_from= fork_from= save_code= "
    "tensorboard= sync_tensorboard= monitor_gym= settings=",
    wandb.finish: "exit_code= quiet=",
    wandb.Run.finish: "self exit_code= quiet=",
    wandb.Run.use_model: "self name",
    wandb.Run.log_model: "self path name= aliases=",
    wandb.Run.link_model: "self path registered_model_name name= aliases=",
}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository that is found from the working folder."""
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    repository = Repository.init(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return repository


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__qualname__)
def test_arguments_are_those_of_wandb(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters.values()

    assert " ".join(one.name + "=" * (one.default is None) for one in parameters) == SIGNATURES[function]
    assert {one.kind for one in parameters} <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}


def test_one_alias_may_be_given_as_text(found: Repository, folder: Callable[..., str]) -> None:
    path = folder({"weights": b"1"})

    with wandb.init() as run:
        run.log_model(path, "digits", aliases="best")  # type: ignore[arg-type]
        run.link_model(path, "Classifier", "digits", aliases="production")  # type: ignore[arg-type]

    assert {alias.alias for alias in found.aliases()} == {"best", "production"}


def test_a_script_logs_links_and_uses(found: Repository, folder: Callable[..., str]) -> None:
    # given
    path = folder({"weights": b"1", "config.json": b"{}"})

    # when
    run = wandb.init(project="vision", entity="ada", config={"lr": 0.1})
    run.log_model(path, "digits", ["latest", "best"])
    run.link_model(path, "Classifier", "digits", ["production"])
    used = run.use_model(name="digits:best")
    run.finish()

    # then
    version = found.version("Classifier:production")
    assert (version.name, version.run, version.metadata) == ("digits:v0", run.id, {"config": {"lr": 0.1}})
    assert Path(used, "weights").read_bytes() == b"1"
    assert len(found.versions("digits")) == 1
    assert any(one.kind == "use" and one.name == run.id for entry in found.history() for one in entry.changes)
    assert wandb.run is None


def test_link_model_logs_links_and_promotes_as_one_change(found: Repository, folder: Callable[..., str]) -> None:
    with wandb.init(id="run-7") as run:
        link = run.link_model(path=folder({"w": b"1"}), registered_model_name="Classifier", aliases=["production"])

    assert len(found.history()) == 1
    assert (link.name, link.artifact.startswith("run-run-7-")) == ("Classifier:v0", True)
    assert found.resolve("Classifier:production").artifact == link.artifact


def test_a_model_of_one_file_is_used_as_that_file(found: Repository, folder: Callable[..., str]) -> None:
    run = wandb.init()
    run.log_model(folder({"weights": b"1"}), "digits")

    assert Path(run.use_model("digits:latest")).read_bytes() == b"1"
    run.finish()


def test_the_id_is_given_or_taken_from_the_environment_or_made(
    found: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = wandb.init()
    assert wandb.run is made
    monkeypatch.setenv("WANDB_RUN_ID", "from-outside")
    assert (len(made.id), wandb.init().id, wandb.init(id="given").id) == (8, "from-outside", "given")
    wandb.finish()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda run: run.log({"acc": 1}), "`run.log` is not in mreg: metrics belong to a version"),
        (lambda run: run.log_artifact("x"), "`run.log_artifact` is not in mreg: write `run.log_model(path, name)`"),
        (lambda run: wandb.log({"acc": 1}), "`wandb.log` is not in mreg: metrics belong to a version"),
        (lambda run: wandb.sweep({}), "`wandb.sweep` is not in mreg: see docs/from-wandb.md"),
    ],
)
def test_what_is_not_here_is_told_with_what_is(found: Repository, call: Callable[..., Any], words: str) -> None:
    with wandb.init() as run, pytest.raises(AttributeError, match=re.escape(words)):
        call(run)
    assert not hasattr(run, "watch")


def test_what_was_finished_is_refused(found: Repository, folder: Callable[..., str]) -> None:
    run = wandb.init()
    run.finish()

    with pytest.raises(wandb.RunFinished):
        run.log_model(folder({"w": b"1"}), "digits")


@pytest.mark.parametrize(
    "call",
    [
        lambda run, path: run.use_model("ada/vision/digits:best"),
        lambda run, path: run.log_model(path, "ada/vision/digits"),
        lambda run, path: run.log_model(path, "vision/digits"),
        lambda run, path: run.link_model(path, "ada/vision/digits", "digits"),
    ],
)
def test_a_path_with_entity_and_project_is_answered_with_the_name(
    found: Repository, folder: Callable[..., str], call: Callable[..., Any]
) -> None:
    run = wandb.init()
    with pytest.raises(PathOfProject) as raised:
        call(run, folder({"w": b"1"}))

    assert raised.value.short.startswith("digits")
    assert found.artifacts() == []
    run.finish()
