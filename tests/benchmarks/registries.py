"""MLflow's registry calls, on a repository and on MLflow's own SQLite database, in turn in one process.

MLflow is looked for where `make mlflow` puts it. Run as a script, this module is that process:

    PYTHONPATH=.testdata/mlflow python tests/benchmarks/registries.py FOLDER MODELS VERSIONS ROUNDS
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

GROUP = "MLflow's registry"
MLFLOW = Path(__file__).parents[2] / ".testdata" / "mlflow"
SET_ALIAS, BY_ALIAS, MODELS, VERSIONS = "set an alias", "get by alias", "search models", "search versions"
RATIOS = {SET_ALIAS: 2.0}
"""How many times as long as SQLite a call may take."""
SECONDS = {BY_ALIAS: 0.010, MODELS: 1.0, VERSIONS: 1.0}
"""How long a call may take."""


def measure(bench: Any, form: Any, rounds: int, peers: Any) -> Iterator[Any]:
    """The rows of this group, in which peers have no part."""
    from measuring import BenchmarkFailed, Cost, Skipped, compare

    if not (MLFLOW / "sqlalchemy").is_dir():
        yield Skipped(GROUP, "mlflow", "not installed (make mlflow)")
        return
    models, versions = form.registered
    command = [sys.executable, __file__, str(bench.folder), str(models), str(versions), str(max(3, rounds))]
    environment = bench.environment | {"PYTHONPATH": str(MLFLOW), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkFailed(done.stderr[-2000:])
    note = f"{models:,} x {versions}"
    for call, took in json.loads(done.stdout.splitlines()[-1]).items():
        ours, theirs = ([Cost(seconds, seconds, 0) for seconds in took[store]] for store in ("mreg", "sqlite"))
        yield compare(GROUP, call, ours, theirs, RATIOS.get(call), note=note)
        if call in SECONDS:
            allowed = [Cost(SECONDS[call], SECONDS[call], 0)] * len(ours)
            yield compare(GROUP, f"{call}, of {SECONDS[call] * 1000:.0f} ms", ours, allowed, 1.0, note=note)


def fill_repository(folder: Path, models: int, versions: int) -> Any:
    """The registry over a repository of so many models. They are written without MLflow: it is not what is measured."""
    from mreg.integrations.mlflow.collections import CREATED, SAID
    from mreg.integrations.mlflow.store import ModelRegistry
    from mreg.refs.keys import AliasKey, ArtifactKey, PropertyKey, VersionKey
    from mreg.refs.transaction import Draft
    from mreg.repository import Repository
    from mreg.session.context import Context
    from mreg.storage.local import LocalStorage
    from mreg.values.records import Manifest, VersionRecord

    path, cache = str(folder / ".mreg"), os.environ["MREG_CACHE"]
    storage = LocalStorage(path, durable=False)
    Repository.init_storage(storage, path, cache=cache, author="bench").close()
    context = Context(storage, path, cache=cache, author="bench")
    objects = context.objects_at(context.view())
    manifest = objects.put(Manifest(()).to_bytes())

    def put(model: int, number: int) -> str:
        said = {SAID: {"source": f"/runs/{model}/{number}"}, "metrics": {"acc": number / versions}}
        created = f"2026-01-01T00:00:00.{(model * versions + number) % 1_000_000:06}Z"
        run = f"{model:016x}{number:016x}"
        return str(objects.put(VersionRecord(manifest, 0, 0, created, "ada", "node", run, "", said, ()).to_bytes()))

    def build(draft: Draft, model: int) -> None:
        artifact = ArtifactKey(f"model-{model}")
        draft.set(artifact, 'type = "model"\ndescription = ""\n')
        draft.set(PropertyKey(artifact, CREATED), "1767225600000")
        draft.set(PropertyKey(artifact, "team"), '"red"')
        draft.set(AliasKey(artifact.name, "champion"), "v1")
        for number in range(1, versions + 1):
            draft.set(VersionKey(artifact.name, number), put(model, number))
            draft.set(PropertyKey(VersionKey(artifact.name, number), "build"), f'"{number}"')

    for first in range(0, models, 100):
        context.commit(
            "fill", lambda draft, first=first: [build(draft, n) for n in range(first, min(models, first + 100))]
        )
    context.close()
    return ModelRegistry(f"mreg://{folder}")


def fill_database(folder: Path, models: int, versions: int) -> Any:
    """MLflow's registry over SQLite, with the same in it."""
    from mlflow.store.model_registry import sqlalchemy_store as sql

    store = sql.SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db")
    made, names = 1767225600000, [f"model-{number}" for number in range(models)]
    with store.ManagedSessionMaker(read_only=False) as session:
        for model, name in enumerate(names):
            session.add(sql.SqlRegisteredModel(name=name, creation_time=made, last_updated_time=made))
            session.add(sql.SqlRegisteredModelTag(name=name, key="team", value="red"))
            session.flush()
            for number in range(1, versions + 1):
                run, source = f"{model:016x}{number:016x}", f"/runs/{model}/{number}"
                about = {"creation_time": made, "last_updated_time": made, "source": source, "run_id": run}
                session.add(sql.SqlModelVersion(name=name, version=number, **about))
                session.add(sql.SqlModelVersionTag(name=name, version=number, key="build", value=str(number)))
            session.add(sql.SqlRegisteredModelAlias(name=name, alias="champion", version=1))
    return store


def calls(versions: int, source: str) -> dict[str, Callable[[Any, int], Any]]:
    """The calls that are measured, each of a store and the number of the round."""
    from mlflow.entities.model_registry import ModelVersionTag

    tag = ModelVersionTag
    return {
        "create a model": lambda store, n: store.create_registered_model(f"new-{n}", [tag("team", "red")]),
        "register a version": lambda store, n: store.create_model_version("new-0", source, tags=[tag("build", "1")]),
        "set a tag": lambda store, n: store.set_model_version_tag("model-1", 1, tag("build", str(n))),
        SET_ALIAS: lambda store, n: store.set_registered_model_alias("model-1", "champion", n % versions + 1),
        BY_ALIAS: lambda store, n: store.get_model_version_by_alias("model-1", "champion"),
        "get a model": lambda store, n: store.get_registered_model("model-1"),
        "search the versions of a model": lambda store, n: store.search_model_versions("name = 'model-1'"),
        MODELS: lambda store, n: store.search_registered_models("tag.team = 'red'", order_by=["timestamp DESC"]),
        VERSIONS: lambda store, n: store.search_model_versions("tag.build LIKE '1%'", max_results=100),
        "list all versions": lambda store, n: store.search_model_versions(max_results=200_000),
    }


def touch(store: Any, turn: int) -> None:
    """Change something, so that no answer can be one that was kept."""
    from mlflow.entities.model_registry import RegisteredModelTag

    store.set_registered_model_tag("model-2", RegisteredModelTag("turn", str(turn)))


def main(folder: Path, models: int, versions: int, rounds: int) -> None:
    saved = folder / "saved"
    saved.mkdir()
    (saved / "MLmodel").write_text("flavors: {}\n")
    stores = {"mreg": fill_repository(folder, models, versions), "sqlite": fill_database(folder, models, versions)}
    took: dict[str, dict[str, list[float]]] = {}
    for name, call in calls(versions, str(saved)).items():
        took[name] = {store: [] for store in stores}
        for turn in range(rounds + 1):
            for store, over in stores.items():
                touch(over, turn)
                began = time.perf_counter()
                call(over, turn)
                if turn:  # the first one warms up
                    took[name][store].append(time.perf_counter() - began)
    print(json.dumps(took))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
