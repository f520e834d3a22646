"""How many versions, aliases, tags, metrics and files a source has, as its own tool counts them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path

import tools
from real_sources import Made

from mreg.repository import Repository
from mreg.values.metadata import flatten

Counts = dict[str, int]

MLFLOW = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow
from mlflow import MlflowClient
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_registry_uri(sys.argv[1])
client = MlflowClient()

def files(run, path):
    for one in client.list_artifacts(run, path):
        yield from files(run, one.path) if one.is_dir else [one.path]

models = client.search_registered_models()
versions = client.search_model_versions("name='digits'")
runs = [client.get_run(one.run_id) for one in versions]
stages = {one.current_stage for one in versions} & {"Staging", "Production"}
print(json.dumps({
    "artifacts": len(models),
    "versions": len(versions),
    "aliases": sum(len(one.aliases) for one in models) + len(stages),
    "properties": sum(len(one.tags) for one in [*models, *versions]),
    "metrics": sum(len(one.data.metrics) for one in runs),
    "params": sum(len(one.data.params) for one in runs),
    "files": sum(len(list(files(one.run_id, "model"))) for one in versions),
    "messages": sum(bool(one.description) for one in versions),
}))
"""

HUGGINGFACE = """
import json, sys
from huggingface_hub import ModelCard, scan_cache_dir
repos = scan_cache_dir(sys.argv[1]).repos
revisions = [one for repo in repos for one in repo.revisions]
files = [file for one in revisions for file in one.files]
cards = [ModelCard.load(file.file_path).data for file in files if file.file_name == "README.md"]
print(json.dumps({
    "artifacts": len(repos),
    "versions": len(revisions),
    "aliases": sum(len(one.refs) for one in revisions),
    "files": len(files),
    "tags": sum(len(card.tags or []) for card in cards),
    "inputs": sum(bool(card.base_model) for card in cards),
}))
"""

DVC = """
import json
from dvc.repo import Repo
repo, seen = Repo(), {}
for revision in repo.brancher(all_commits=True):
    for out in repo.index.outs:
        if out.hash_info and not out.is_metric:
            seen[out.def_path, out.hash_info.value] = out.meta.nfiles or 1
print(json.dumps({
    "artifacts": len({path for path, _ in seen}),
    "versions": len(seen),
    "files": sum(seen.values()),
}))
"""

WANDB = """
import json, sys
from wandb.proto.wandb_internal_pb2 import Record
data, at, parts, records = open(sys.argv[1], "rb").read(), 7, b"", []
while at + 7 <= len(data):
    if -at % 32768 < 7:
        at += -at % 32768
    size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
    parts += data[at + 7 : at + 7 + size]
    at += 7 + size
    if kind in (1, 4):
        records.append(Record.FromString(parts))
        parts = b""
artifacts = [one.artifact for one in records if one.WhichOneof("record_type") == "artifact"]
history = [one.history for one in records if one.WhichOneof("record_type") == "history"]
print(json.dumps({
    "artifacts": len({one.name for one in artifacts}),
    "versions": len({(one.name, one.digest) for one in artifacts}),
    "aliases": len({(one.name, alias) for one in artifacts for alias in one.aliases} - {("digits", "latest")}),
    "tags": sum(len(one.tags) for one in artifacts),
    "files": sum(len(one.manifest.contents) for one in artifacts),
    "metrics": sum(
        not (item.key or item.nested_key[0]).startswith("_") for one in history for item in one.item
    ),
    "messages": sum(bool(one.description) for one in artifacts),
}))
"""


def _mlflow_files(made: Made) -> Counts:
    return _told(MLFLOW, f"file://{made.path}", made.path.parent, "mlflow-newest")


def _mlflow_database(made: Made) -> Counts:
    return _told(MLFLOW, f"sqlite:///{made.path}/mlflow.db", made.path.parent, "mlflow")


def _huggingface(made: Made) -> Counts:
    return _told(HUGGINGFACE, str(made.path / "hub"), made.path.parent)


def _wandb(made: Made) -> Counts:
    (log,) = made.path.glob("offline-run-*/run-*.wandb")
    return _told(WANDB, str(log), made.path.parent)


def _gto(made: Made) -> Counts:
    (name,) = shown = json.loads(tools.run_tool("gto", "show", "--json", cwd=made.path))
    versions = json.loads(tools.run_tool("gto", "show", name, "--json", cwd=made.path))
    stages = [stage for stage, at in shown[name]["stage"].items() if at]
    return {"artifacts": len(shown), "versions": len(versions), "aliases": len(versions) + len(stages)}


def _dvc(made: Made) -> Counts:
    """What DVC keeps, and what GTO says of it."""
    return _told(DVC, "", made.path) | {"aliases": _gto(made)["aliases"]}


def _checkpoints(made: Made) -> Counts:
    folders = [one for one in made.path.iterdir() if one.name.startswith("checkpoint-")]
    return {"versions": len(folders), "files": sum(len(list(one.iterdir())) for one in folders)}


def _oci(made: Made) -> Counts:
    """By the specification: names in the index that are no version are aliases; tar files hold several files."""
    index = json.loads((made.path / "index.json").read_bytes())["manifests"]
    names = [one["annotations"]["org.opencontainers.image.ref.name"] for one in index]
    return {
        "versions": len({one["digest"] for one in index}),
        "aliases": sum(name != "v0" for name in names),
        "files": 120,
    }


def _told(script: str, place: str, folder: Path, packages: str = "sources") -> Counts:
    said = tools.run_python(script, place, cwd=folder, folder=tools.SOURCES.parent / packages)
    counts: Counts = json.loads(said.splitlines()[-1])
    return counts


COUNTS: Mapping[str, Callable[[Made], Counts]] = {
    "checkpoints": _checkpoints,
    "huggingface": _huggingface,
    "dvc": _dvc,
    "gto": _gto,
    "mlflow files": _mlflow_files,
    "mlflow database": _mlflow_database,
    "wandb": _wandb,
    "oci": _oci,
}


def counted(repo: Repository) -> Counts:
    """The same of what is here. Properties that importers keep for themselves do not count."""
    artifacts = repo.artifacts()
    versions = [version for artifact in artifacts for version in repo.versions(artifact.name)]
    names = [*(one.name for one in artifacts), *(one.name for one in versions)]
    said = [flatten(version.metadata) for version in versions]
    return {
        "artifacts": len(artifacts),
        "versions": len(versions),
        "aliases": sum(len(repo.aliases(one.name)) for one in artifacts),
        "tags": sum(len(one.tags) for one in versions),
        "properties": sum(
            "@" not in key and not key.startswith("mreg.") for name in names for key in repo.properties(name)
        ),
        "metrics": sum(key.startswith("metrics.") for key in chain.from_iterable(said)),
        "params": sum(key.startswith("params.") for key in chain.from_iterable(said)),
        "files": sum(len(repo.files(one.name)) for one in versions),
        "inputs": sum(len(one.inputs) for one in versions),
        "messages": sum(bool(one.message) for one in versions),
    }
