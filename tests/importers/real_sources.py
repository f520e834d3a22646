"""A source of each kind that is imported, made by the tool itself (`make sources`, `make mlflow`)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import hub
import tools
from git_repo import GitRepo

from mreg.importers.faults import MalformedSource
from mreg.repository import Repository

WANDB = """
import os, wandb
os.makedirs("ckpt/sub")
run = wandb.init(project="p", mode="offline", config={"lr": 0.1})
for number in range(3):
    with open("ckpt/w.bin", "w") as file:
        file.write(f"weights {number}" * 1000)
    with open("ckpt/sub/c.json", "w") as file:
        file.write("{}")
    run.log({"acc": number / 10})
    artifact = wandb.Artifact("digits", "model", description="the model", metadata={"epoch": number})
    artifact.add_dir("ckpt")
    run.log_artifact(artifact, aliases=["best"] if number == 1 else [], tags=["good"])
run.finish()
wandb.teardown()
"""

MLFLOW = """
import os, sys, warnings
warnings.simplefilter("ignore")
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow
from mlflow import MlflowClient
uri, model = sys.argv[1:]
mlflow.set_tracking_uri(uri)
mlflow.set_registry_uri(uri)
client = MlflowClient()
client.create_registered_model("digits", tags={"team": "vision"}, description="reads\\ndigits: all " + "of them " * 30)
for number in (1, 2, 3):
    run = client.create_run("0")
    client.log_metric(run.info.run_id, "acc", 0.1, step=1)
    client.log_metric(run.info.run_id, "acc", number / 10, step=2)
    client.log_param(run.info.run_id, "lr", "0.1")
    client.log_artifacts(run.info.run_id, model, "model")
    source = run.info.artifact_uri + "/model"
    client.create_model_version("digits", source, run.info.run_id, description=f"the {number}")
    client.set_model_version_tag("digits", str(number), "a.b/c", "x")
client.set_registered_model_alias("digits", "champion", 3)
client.transition_model_version_stage("digits", "1", "Production")
client.delete_model_version("digits", "2")
"""

DOWNLOAD = """
import sys
from huggingface_hub import snapshot_download
*revisions, last = sys.argv[1:]
for name, revision in (one.split("@") for one in revisions):
    snapshot_download(name, revision=revision)
snapshot_download("org/bert", revision="main", local_dir=last)
"""

MODELS: dict[str, hub.Revisions] = {
    "org/bert": {
        "v1": ("b" * 40, {"config.json": b"{}", "model.safetensors": b"old" * 100}),
        "main": (
            "a" * 40,
            {
                "README.md": b"---\nlicense: mit\ntags: [nlp]\nbase_model: google/base\n---\n# BERT\n",
                "model.safetensors": b"new" * 100,
            },
        ),
    },
    "google/base": {"main": ("d" * 40, {"config.json": b"{}", "model.safetensors": b"base" * 100})},
}


class Made(NamedTuple):
    """A source, and with which arguments it is imported."""

    path: Path
    options: Mapping[str, Any] = {}


def wandb(folder: Path) -> Made:
    """Three versions of `digits` in an offline run."""
    work, data = folder / "work", folder / "data"
    work.mkdir()
    env = {"WANDB_DATA_DIR": str(data), "WANDB_CACHE_DIR": str(folder / "cache"), "WANDB_SILENT": "true"}
    tools.run_python(WANDB, cwd=work, env=env)
    _wait_for_the_end(work)
    return Made(work / "wandb", {"data": [str(data)]})


def _wait_for_the_end(work: Path) -> None:
    """Its process of its own goes on writing after the program has ended."""
    from mreg.importers.tree import Tree
    from mreg.importers.wandb_runs import read_run

    (path,) = work.glob("wandb/offline-run-*/run-*.wandb")
    while True:
        try:
            if read_run(Tree(str(work)), str(path)).finished:
                return
        except MalformedSource:
            pass
        time.sleep(0.1)


def mlflow(folder: Path, uri: str, packages: Path) -> None:
    """Versions 1 and 3 of `digits`. uri: of its store. packages: where MLflow is."""
    model = folder / "model"
    (model / "data").mkdir(parents=True)
    (model / "data" / "weights.bin").write_text("weights")
    (folder / "work").mkdir()
    tools.run_python(MLFLOW, uri, str(model), cwd=folder / "work", folder=packages)


def mlflow_files(folder: Path) -> Made:
    mlflow(folder, f"file://{folder}/mlruns", tools.SOURCES.parent / "mlflow-newest")
    return Made(folder / "mlruns")


def mlflow_database(folder: Path) -> Made:
    mlflow(folder, f"sqlite:///{folder}/work/mlflow.db", tools.SOURCES.parent / "mlflow")
    return Made(folder / "work")


def download(folder: Path, models: dict[str, hub.Revisions]) -> None:
    """All that the hub has into the cache in `home`, and the main revision of org/bert into the folder `bert`."""
    every = [f"{name}@{revision}" for name, revisions in models.items() for revision in revisions]
    with hub.running(models) as url:
        env = {
            "HF_ENDPOINT": url,
            "HF_HOME": str(folder / "home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        tools.run_python(DOWNLOAD, *every, str(folder / "bert"), cwd=folder, env=env)


def huggingface(folder: Path) -> Made:
    """Three snapshots of two models, one of which is made from the other."""
    download(folder, MODELS)
    return Made(folder / "home")


def run_gto(project: GitRepo, *arguments: str) -> str:
    who = {f"GIT_{who}_{what}": "eve" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return tools.run_tool("gto", *arguments, cwd=project.folder, env=who)


def run_dvc(project: GitRepo, *arguments: str) -> str:
    return tools.run_tool("dvc", *arguments, cwd=project.folder, env={"DVC_NO_ANALYTICS": "1"})


def dvc(folder: Path) -> Made:
    """Three versions of `digits`, registered by GTO, made from `data`."""
    project = GitRepo(folder / "project")
    project.write(".gitignore", ".home\n")
    run_dvc(project, "init", "-q")
    project.write("data/a.txt", "a\r\n")
    project.write("params.yaml", "lr: 0.1\n")
    command = 'cat data/a.txt params.yaml > model.bin && echo "{\\"acc\\": 0.5}" > metrics.json'
    project.write(
        "dvc.yaml",
        f"stages:\n  train:\n    cmd: {json.dumps(command)}\n    deps: [data]\n    params: [lr]\n"
        "    outs: [model.bin]\n    metrics: [{metrics.json: {cache: false}}]\n"
        "artifacts:\n  digits: {path: model.bin, type: model, desc: reads digits, labels: [vision]}\n",
    )
    run_dvc(project, "add", "-q", "data")
    for rate in ("0.1", "0.2", "0.3"):
        project.write("params.yaml", f"lr: {rate}\n")
        run_dvc(project, "repro", "-q")
        project.commit(f"rate {rate}")
        run_gto(project, "register", "digits")
    run_gto(project, "assign", "digits", "HEAD~1", "--stage", "prod")
    run_gto(project, "assign", "digits", "HEAD", "--stage", "dev")
    return Made(project.folder)


def gto(folder: Path) -> Made:
    """Two versions of `digits`, whose files are in git."""
    project = GitRepo(folder / "project")
    project.write(".gitignore", ".home\n")
    project.write("dvc.yaml", "artifacts:\n  digits: {path: models/digits, type: model, labels: [vision]}\n")
    for number in (1, 2):
        project.write("models/digits/weights.bin", f"weights {number}")
        project.commit(f"the {number}")
        run_gto(project, "register", "digits")
    run_gto(project, "assign", "digits", "HEAD", "--stage", "prod")
    return Made(project.folder)


def checkpoints(folder: Path) -> Made:
    """Three, as the Trainer of transformers names them."""
    for step in (500, 1000, 1500):
        place = folder / "runs" / f"checkpoint-{step}"
        place.mkdir(parents=True)
        (place / "model.safetensors").write_text(f"weights {step}")
        (place / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": []}))
    return Made(folder / "runs")


def oci(folder: Path) -> Made:
    """A layout of one version, with a file and a folder of small ones, as `mreg export` writes it."""
    source = folder / "model"
    source.mkdir()
    for number in range(120):
        (source / f"{number}.json").write_text(str(number))
    with Repository.init(folder / "from", author="ann") as repo:
        repo.log(source, "digits", aliases=["best"], metadata={"metrics": {"acc": 0.5}})
        repo.add_tags("digits:v0", ["good"])
        repo.export("digits", folder / "layout", "oci")
    return Made(folder / "layout")


SOURCES: Mapping[str, tuple[str, Callable[[Path], Made]]] = {
    "checkpoints": ("", checkpoints),
    "huggingface": ("sources/huggingface_hub", huggingface),
    "dvc": ("sources/dvc", dvc),
    "gto": ("sources/gto", gto),
    "mlflow files": ("mlflow-newest/mlflow", mlflow_files),
    "mlflow database": ("mlflow/mlflow", mlflow_database),
    "wandb": ("sources/wandb", wandb),
    "oci": ("", oci),
}
"""The package that each needs, in `.testdata`, and how it is made."""
