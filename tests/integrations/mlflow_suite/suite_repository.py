"""MLflow and mreg on one repository: what each sees of the other, files, histories, and what is never written to."""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import broken
import mlflow
import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.model_registry.abstract_store import AbstractStore

from mreg.integrations.mlflow.artifacts import VersionArtifacts
from mreg.integrations.mlflow.store import ModelRegistry
from mreg.repository import Repository

Make = Callable[..., Any]


@pytest.mark.parametrize(("base", "ours"), [(AbstractStore, ModelRegistry), (ArtifactRepository, VersionArtifacts)])
def test_every_abstract_method_is_overridden(base: type, ours: type) -> None:
    """MLflow's abstract classes are none: what is missing would return None."""
    asked = [name for name, method in vars(base).items() if getattr(method, "__isabstractmethod__", False)]

    assert len(asked) >= 4
    assert [name for name in asked if getattr(ours, name) is getattr(base, name)] == []


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that is below the folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (stat.st_mode, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return found


@pytest.fixture
def tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tracking in files, which mlflow-skinny has too. (That they are switched off otherwise is why mreg is here.)"""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    return mlflow


@pytest.fixture
def used(tracking: Any, store: Any, model: Make, version: Make, tmp_path: Path) -> Any:
    """MLflow itself, with the registry chosen, in which `digits` has a version that is `champion`."""
    mlflow.set_registry_uri(f"mreg://{tmp_path}/models")
    model()
    version()
    store.set_registered_model_alias("digits", "champion", 1)
    yield mlflow
    mlflow.set_registry_uri("")


@pytest.mark.parametrize("uri", ["models:/digits@champion", "models:/digits/1", "models:/digits/latest"])
def test_files_come_down_by_every_uri(used: Any, folder: Path, uri: str) -> None:
    got = Path(used.artifacts.download_artifacts(uri))

    assert (got / "code" / "loader.py").read_text() == (folder / "code" / "loader.py").read_text()
    assert sorted(path.name for path in got.iterdir()) == ["MLmodel", "code", "registered_model_meta"]


def test_a_download_never_writes_into_the_cache_or_the_repository(
    used: Any, repository: Repository, tmp_path: Path
) -> None:
    # given
    ready = repository.use("digits:champion")
    before = tree(tmp_path / "models" / ".mreg"), tree(ready)

    # when
    got = Path(used.artifacts.download_artifacts("models:/digits@champion"))
    (got / "MLmodel").chmod(0o644)
    (got / "MLmodel").write_text("changed")
    used.artifacts.download_artifacts("models:/digits@champion", dst_path=str(tmp_path / "out"))

    # then
    assert (tree(tmp_path / "models" / ".mreg"), tree(ready)) == before
    assert not (ready / "registered_model_meta").exists()
    assert repository.fsck(full=True).findings == ()


def test_single_files_and_folders_come_down(used: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    file = used.artifacts.download_artifacts("models:/digits/1/code/loader.py", dst_path=str(tmp_path / "out"))
    code = used.artifacts.download_artifacts("models:/digits@champion/code")

    assert "predict" in Path(file).read_text()
    assert os.listdir(code) == ["loader.py"]
    with pytest.raises(MlflowException):
        used.artifacts.download_artifacts("models:/digits/1/absent")


def test_files_are_listed_one_level_at_a_time(used: Any, folder: Path) -> None:
    def listed(path: str | None) -> list[tuple[str, bool, int | None]]:
        repo = get_artifact_repository("models:/digits@champion")
        return [(one.path, one.is_dir, one.file_size) for one in repo.list_artifacts(path)]

    assert listed(None) == [("MLmodel", False, (folder / "MLmodel").stat().st_size), ("code", True, None)]
    assert [one[:2] for one in listed("code")] == [("code/loader.py", False)]
    assert listed("code/loader.py") == []


def test_uris_name_versions_by_any_reference_and_paths_in_them(used: Any, tmp_path: Path) -> None:
    at = f"mreg://{tmp_path}/models"
    for uri in (f"{at}/.mreg/digits:champion", f"{at}/digits:v1", f"{at}/.mreg/digits:v1"):
        assert sorted(os.listdir(used.artifacts.download_artifacts(uri))) == ["MLmodel", "code"]
    assert Path(used.artifacts.download_artifacts(f"{at}/.mreg/digits:v1/MLmodel")).read_text().startswith("flavors")
    assert os.listdir(used.artifacts.download_artifacts(f"{at}/.mreg/digits:v1/code")) == ["loader.py"]


@pytest.mark.parametrize("uri", ["mreg://models", "mreg:///not/there"])
def test_a_uri_of_no_repository_is_refused(uri: str) -> None:
    with pytest.raises(MlflowException, match=r"^mreg: "):
        ModelRegistry(uri)


def test_the_uri_mreg_alone_is_the_repository_that_the_command_line_finds(
    repository: Repository, store: Any, model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model("digits")
    monkeypatch.setenv("MREG_REPO", str(tmp_path / "models"))

    assert ModelRegistry("mreg:").get_registered_model("digits").name == "digits"


def test_versions_never_change(used: Any, tmp_path: Path) -> None:
    repo = get_artifact_repository(f"mreg://{tmp_path}/models/digits:v1")

    for write in (lambda: repo.log_artifact(__file__), lambda: repo.log_artifacts("."), repo.delete_artifacts):
        with pytest.raises(MlflowException, match="never changes"):
            write()


# Sources.


@pytest.mark.parametrize("uri", ["", "file:runs", "sqlite:///runs.db"])
def test_runs_are_not_looked_for_where_there_is_no_tracking(
    store: Any, model: Make, version: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    model()
    before = sorted(os.listdir(tmp_path))

    version(run_id="ab" * 16)

    assert sorted(os.listdir(tmp_path)) == before


def test_a_model_outlives_the_place_it_came_from(used: Any, folder: Path, version: Make) -> None:
    version(source=folder.as_uri())
    folder.rename(folder.with_name("moved"))

    for number in (1, 2):
        assert "MLmodel" in os.listdir(used.artifacts.download_artifacts(f"models:/digits/{number}"))


def test_a_model_is_taken_from_where_it_lies_already(
    store: Any, repository: Repository, model: Make, folder: Path
) -> None:
    model()

    store.create_model_version("digits", "s3://nowhere/model", local_model_path=str(folder))

    assert [file.path for file in repository.files("digits:v1")] == ["MLmodel", "code/loader.py"]


@pytest.mark.parametrize("source", ["path/to/source", "file:///not/there", "unknown://host/model"])
def test_a_model_that_cannot_be_had_is_told_and_its_address_kept(
    store: Any, repository: Repository, model: Make, version: Make, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    # given
    model()
    logging.getLogger("mreg").propagate = True

    # when
    with caplog.at_level("WARNING", logger="mreg"):
        made = version(source=source)

    # then
    assert f"The version holds no model, only the address {source}" in caplog.text
    assert (made.source, store.get_model_version_download_uri("digits", 1)) == (source, source)
    assert b"".join(repository.read("digits:v1", "mlflow-source.txt")) == f"{source}\n".encode()
    store.transition_model_version_stage("digits", 1, "Production", False)
    store.update_model_version("digits", 1, "text")
    assert store.get_model_version_download_uri("digits", 1) == source
    copy = store.copy_model_version(made, "copy")
    assert store.get_model_version_download_uri("copy", copy.version) == source


def test_the_metrics_and_parameters_of_the_run_come_along(
    tracking: Any, used: Any, repository: Repository, folder: Path
) -> None:
    # given
    with tracking.start_run() as run:
        tracking.log_metric("acc", 0.5, step=1)
        tracking.log_metric("acc", 0.97, step=2)
        tracking.log_param("lr", 0.1)
        tracking.log_artifacts(str(folder), "model")

    # when
    made = tracking.register_model(f"runs:/{run.info.run_id}/model", "digits")

    # then
    version = repository.version("digits:v2")
    assert version.run == made.run_id == run.info.run_id
    assert version.metadata["metrics"] == {"acc": 0.97}
    assert version.metadata["params"] == {"lr": "0.1"}
    assert [(one.key, one.value) for one in made.metrics] == [("acc", 0.97)]
    assert [(one.key, one.value) for one in made.params] == [("lr", "0.1")]
    assert [one.name for one in repository.search(where="metrics.acc > 0.9")] == ["digits:v2"]
    assert "MLmodel" in os.listdir(used.artifacts.download_artifacts("models:/digits/2"))


def test_the_run_of_a_logged_model_is_that_of_its_version(
    used: Any, store: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = SimpleNamespace(source_run_id="run-1", artifact_location=str(folder), metrics=[], params={})
    monkeypatch.setattr(used.MlflowClient, "get_logged_model", lambda self, model_id: {"m-1": logged}[model_id])

    made = store.create_model_version("digits", "a/place", model_id="m-1")

    assert made.run_id == store.get_model_version("digits", made.version).run_id == "run-1"


# What mreg sees, and undoes.

ACTS: dict[str, Callable[[Any], Any]] = {
    "create_registered_model": lambda store: store.create_registered_model("new", [ModelVersionTag("k", "v")], "text"),
    "create_prompt": lambda store: store.create_registered_model(
        "new", [ModelVersionTag("mlflow.prompt.is_prompt", "true")]
    ),
    "update_registered_model": lambda store: store.update_registered_model("digits", "text"),
    "rename_registered_model": lambda store: store.rename_registered_model("digits", "numbers"),
    "rename_to_a_title": lambda store: store.rename_registered_model("digits", "All numbers!"),
    "delete_registered_model": lambda store: store.delete_registered_model("digits"),
    "set_registered_model_tag": lambda store: store.set_registered_model_tag("digits", ModelVersionTag("k", "v")),
    "delete_registered_model_tag": lambda store: store.delete_registered_model_tag("digits", "team"),
    "create_model_version": lambda store: store.create_model_version(
        "digits", "models:/digits/1", tags=[ModelVersionTag("k", "v")], description="text"
    ),
    "update_model_version": lambda store: store.update_model_version("digits", 1, "text"),
    "transition_model_version_stage": lambda store: store.transition_model_version_stage(
        "digits", 2, "Production", True
    ),
    "delete_model_version": lambda store: store.delete_model_version("digits", 1),
    "set_model_version_tag": lambda store: store.set_model_version_tag("digits", 1, ModelVersionTag("k", "v")),
    "delete_model_version_tag": lambda store: store.delete_model_version_tag("digits", 1, "kind"),
    "set_registered_model_alias": lambda store: store.set_registered_model_alias("digits", "best", 2),
    "delete_registered_model_alias": lambda store: store.delete_registered_model_alias("digits", "best"),
}


def everything(store: Any) -> list[Any]:
    """All that MLflow sees, but the times of changes."""
    found = []
    for one in store.search_registered_models() + store.search_registered_models(
        "tags.`mlflow.prompt.is_prompt` = 'true'"
    ):
        found.append({**dict(one), "last_updated_timestamp": 0, "latest_versions": 0})
    for one in store.search_model_versions(order_by=["name", "version_number"]):
        found.append({**dict(one), "last_updated_timestamp": 0})
    return found


@pytest.mark.parametrize("act", ACTS)
def test_each_call_is_one_entry_which_undo_takes_back(
    store: Any, repository: Repository, model: Make, version: Make, act: str
) -> None:
    # given
    model("digits", "first", team="red")
    version("digits", tags={"kind": "a"}, description="one")
    version("digits")
    store.set_registered_model_alias("digits", "best", 1)
    store.transition_model_version_stage("digits", 1, "Production", False)
    before = everything(store)
    head = repository.history()[-1].seq

    # when
    ACTS[act](store)

    # then
    after = everything(store)
    assert after != before
    (entry,) = repository.history(since=head)
    repository.undo(entry.seq)
    assert everything(store) == before
    repository.undo(repository.history()[-1].seq)
    assert [{**one, "creation_timestamp": 0} for one in everything(store)] == [
        {**one, "creation_timestamp": 0} for one in after
    ]


def test_every_method_that_changes_something_is_among_them() -> None:
    asked = {name for name, method in vars(AbstractStore).items() if getattr(method, "__isabstractmethod__", False)}

    changing = {name for name in asked if not name.startswith(("get_", "search_"))}
    assert changing == ACTS.keys() - {"create_prompt", "rename_to_a_title"}


def test_what_mreg_does_is_seen_by_mlflow(store: Any, repository: Repository, folder: Path, tmp_path: Path) -> None:
    # given
    repository.log(folder, "net", message="by mreg", run="run-7", metadata={"metrics": {"acc": 0.5, "note": "x"}})
    repository.log({"w": b"2"}, "net", aliases=["best"])
    repository.describe("net", "an artifact")
    repository.set_properties("net", {"team": "red"})
    repository.set_properties("net:v0", {"build": 4711, "ok": True, "list": [1, "ä"]})

    # when
    model = store.get_registered_model("net")
    first, second = (store.get_model_version("net", number) for number in (0, 1))

    # then
    assert (model.description, model.tags, model.aliases) == ("an artifact", {"team": "red"}, {"best": 1})
    assert [one.version for one in model.latest_versions] == [1]
    assert (first.description, first.run_id) == ("by mreg", "run-7")
    assert first.tags == {"build": "4711", "ok": "true", "list": '[1, "ä"]'}
    assert [(one.key, one.value) for one in first.metrics] == [("acc", 0.5)]
    assert first.source == f"mreg://{tmp_path}/models/.mreg/net:v0"
    assert second.aliases == ["best"]
    assert model.creation_timestamp == first.creation_timestamp
    assert [one.version for one in store.search_model_versions("name = 'net'", order_by=["creation_timestamp"])] == [
        0,
        1,
    ]


def test_registered_models_of_mreg_are_models_whose_links_are_versions(
    store: Any, repository: Repository, folder: Path, version: Make, used: Any
) -> None:
    # given
    repository.log(folder, "net", links=["Fraud:production"], message="linked")
    repository.log({"w": b"2"}, "net", links=["Fraud"])

    # when
    store.set_registered_model_alias("Fraud", "champion", 1)
    store.set_model_version_tag("Fraud", 1, ModelVersionTag("k", "v"))
    store.transition_model_version_stage("Fraud", 1, "Production", False)
    copy = store.copy_model_version(store.get_model_version("digits", 1), "Fraud")

    # then
    found = store.get_registered_model("Fraud")
    assert found.aliases == {"production": 0, "champion": 1}
    assert {one.current_stage: one.version for one in found.latest_versions} == {"None": 2, "Production": 1}
    assert store.get_model_version("Fraud", 0).description == "linked"
    assert store.get_model_version("Fraud", 1).tags == {"k": "v"}
    assert store.get_model_version("net", 1).tags == {}
    assert (copy.name, copy.version, repository.resolve("Fraud:v2").name) == ("Fraud", 2, "digits:v1")
    assert "MLmodel" in os.listdir(used.artifacts.download_artifacts("models:/Fraud@production"))
    names = [f"{one.name}{one.version}" for one in store.search_model_versions("name LIKE 'F%'", order_by=["name"])]
    assert names == ["Fraud2", "Fraud1", "Fraud0"]
    with pytest.raises(MlflowException, match="links versions of artifacts"):
        version("Fraud")
    store.delete_model_version("Fraud", 1)
    assert repository.version("net:v1").links == ()
    store.rename_registered_model("Fraud", "fraud detector")
    assert [one.version for one in store.get_latest_versions("fraud detector", ["None"])] == [2]
    store.delete_registered_model("fraud detector")
    assert [one.name for one in repository.versions("net")] == ["net:v0", "net:v1"]


def test_what_a_registered_model_of_mreg_links_is_not_deleted(
    store: Any, repository: Repository, model: Make, version: Make
) -> None:
    model()
    version()
    repository.link("digits:v1", "fraud")

    for delete in (lambda: store.delete_model_version("digits", 1), lambda: store.delete_registered_model("digits")):
        with pytest.raises(MlflowException, match="digits:v1 is linked as fraud:v0; unlink it first"):
            delete()

    assert store.get_model_version("digits", 1).version == 1


def test_a_prompt_is_an_artifact_of_that_type_with_its_text(tracking: Any, used: Any, repository: Repository) -> None:
    client = mlflow.MlflowClient()

    client.register_prompt("greeting", "Hello {{name}}", commit_message="first", tags={"tone": "kind"})
    client.register_prompt("greeting", [{"role": "user", "content": "Hi {{name}}"}])
    client.set_prompt_alias("greeting", "live", 1)

    assert client.load_prompt("prompts:/greeting@live").template == "Hello {{name}}"
    assert client.get_prompt_version("greeting", 1).commit_message == "first"
    assert [one.name for one in client.search_prompts()] == ["greeting"]
    assert repository.artifact("greeting").type == "prompt"
    assert b"".join(repository.read("greeting:live", "prompt.txt")) == b"Hello {{name}}"
    assert b"user" in b"".join(repository.read("greeting:v2", "prompt.json"))
    assert [one.name for one in used.search_registered_models()] == ["digits"]
    client.delete_prompt_alias("greeting", "live")
    client.delete_prompt_version("greeting", 2)
    assert [one.name for one in repository.versions("greeting")] == ["greeting:v1"]


def test_prompts_are_linked_to_the_runs_that_use_them(tracking: Any, used: Any, store: Any) -> None:
    client = mlflow.MlflowClient()
    client.register_prompt("greeting", "Hello {{name}}")
    with tracking.start_run() as run:
        pass

    store.link_prompt_version_to_run("greeting", 1, run.info.run_id)

    assert '"greeting"' in client.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"]
    with pytest.raises(MlflowException, match="not found"):
        store.link_prompt_version_to_run("absent", 1, run.info.run_id)


# Many at once.

WRITER = """
import sys
from mlflow.entities.model_registry import ModelVersionTag
from mreg.integrations.mlflow.store import ModelRegistry
store = ModelRegistry(sys.argv[1])
for number in range(int(sys.argv[3])):
    tags = [ModelVersionTag("writer", sys.argv[2]), ModelVersionTag("number", str(number))]
    store.create_model_version("digits", "models:/digits/1" if number % 2 else sys.argv[4], tags=tags)
"""


def test_two_processes_register_a_hundred_versions_without_a_gap(
    store: Any, repository: Repository, model: Make, version: Make, folder: Path, tmp_path: Path
) -> None:
    # given
    model()
    version(tags={"writer": "none", "number": "0"})
    uri = f"mreg://{tmp_path}/models"

    # when
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, uri, name, number, str(folder)])
        for name, number in (("a", "50"), ("b", "49"))
    ]
    ends = [writer.wait(120) for writer in writers]

    # then
    assert ends == [0, 0]
    found = store.search_model_versions(order_by=["version_number ASC"])
    assert [one.version for one in found] == list(range(1, 101))
    for name, number in (("a", 50), ("b", 49)):
        assert [one.tags["number"] for one in found if one.tags["writer"] == name] == [str(n) for n in range(number)]
    assert repository.fsck().findings == ()


def registered_in_spite_of_kills(tmp_path: Path, repository: Repository, folder: Path, step: int) -> int:
    """How many processes died before a system call of theirs until one lived. Each version must be whole."""
    script = Path(__file__).with_name("killed_register.py")
    told = python(script.read_text(), f"mreg://{tmp_path}/models", str(folder), str(step))
    found = [json.loads(line) for line in told.splitlines()]

    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in found)
    assert all(len(after) - len(before) in (0, 1) for before, after in itertools.pairwise([[], *found]))
    assert len(found[-1]) > 0
    assert repository.fsck(full=True).findings == ()
    for number in found[-1]:
        assert {file.path for file in repository.files(f"digits:v{number}")} == {"MLmodel", "code/loader.py"}
    return len(found) - 1


def test_a_version_whose_registration_is_killed_is_there_or_not(
    tracking: Any, repository: Repository, folder: Path, tmp_path: Path
) -> None:
    step = int(os.environ.get("KILLED_EVERY", "7"))  # slow tests: before each call

    assert registered_in_spite_of_kills(tmp_path, repository, folder, step) > 3


# Bringing it in.


def python(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_entry_points_load_nothing_but_themselves() -> None:
    code = """
import sys
before = set(sys.modules)
import mreg.integrations.entry_points
print(sorted(set(sys.modules) - before - {"__future__"}))
"""
    assert python(code) == "['mreg', 'mreg.integrations', 'mreg.integrations.entry_points', 'mreg.lazy']\n"


@pytest.mark.parametrize(
    ("modules", "reasons"),
    [
        (
            {"mlflow/__init__.py": broken.SYNTAX},
            ["SyntaxError: invalid syntax (__init__.py, line 1)"] * 2,
        ),
        (
            {"mlflow/store.py": broken.MISSING, "mlflow/artifacts.py": broken.SYNTAX},
            [
                "ModuleNotFoundError: No module named 'a_package_that_is_not_there'",
                "SyntaxError: invalid syntax (artifacts.py, line 1)",
            ],
        ),
    ],
)
def test_a_broken_adapter_is_told_and_does_not_break_mlflow(
    tracking: Any, tmp_path: Path, modules: dict[str, str], reasons: list[str]
) -> None:
    top = broken.copy(tmp_path / "broken", modules)
    code = """
import sys, warnings
warnings.simplefilter("error", UserWarning)
import mlflow
from mlflow.exceptions import MlflowException
mlflow.set_registry_uri("mreg:///nowhere")
for call in (
    lambda: mlflow.MlflowClient().get_registered_model("digits"),
    lambda: mlflow.artifacts.list_artifacts(artifact_uri="mreg:///nowhere/digits:v1"),
):
    try:
        call()
    except MlflowException as error:
        print(error.message)
"""

    told = broken.python(top, code)

    install = "Install it again: pip install --upgrade 'mreg[mlflow]'"
    words = [f"mreg's adapter for MLflow cannot be loaded: {reason}. {install}" for reason in reasons]
    assert told.splitlines() == words


@pytest.mark.parametrize("server", ["moto"], indirect=True)
def test_a_repository_in_a_bucket_is_a_registry(
    server: Any, tracking: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    place = server.place()
    Repository.init(place).close()
    mlflow.set_registry_uri(f"mreg:{place}")
    client = mlflow.MlflowClient()

    # when
    client.create_registered_model("digits", {"k": "v"})
    client.create_model_version("digits", str(folder), tags={"k": "v"})
    client.set_registered_model_alias("digits", "champion", 1)

    # then
    assert client.get_model_version_download_uri("digits", "1") == f"mreg:{place}/digits:v1"
    for uri in ("models:/digits@champion", f"mreg:{place}/digits:v1"):
        assert "MLmodel" in os.listdir(mlflow.artifacts.download_artifacts(uri))
    assert [one.tags for one in client.search_model_versions()] == [{"k": "v"}]
