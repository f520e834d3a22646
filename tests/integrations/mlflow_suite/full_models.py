"""All of MLflow on a repository: a model that is trained, logged and loaded, and the pages of its server."""

from __future__ import annotations

import html
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from mreg.repository import Repository

_START = 120.0


@pytest.fixture
def tracked(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow with tracking in SQLite, and its registry in the repository."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_registry_uri(f"mreg://{tmp_path}/models")
    yield mlflow
    mlflow.set_registry_uri("")


def trained() -> tuple[Any, Any]:
    """A tiny model, and what it was trained on."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    samples, classes = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=200).fit(samples, classes), samples


def test_a_model_is_trained_promoted_and_loaded_after_its_run_is_gone(
    tracked: Any, repository: Repository, tmp_path: Path
) -> None:
    # given
    model, samples = trained()
    with tracked.start_run() as run:
        tracked.log_metric("acc", 0.97)
        tracked.log_param("C", 1.0)
        tracked.sklearn.log_model(model, name="model", registered_model_name="iris")

    # when
    client = tracked.MlflowClient()
    client.set_registered_model_alias("iris", "champion", 1)
    shutil.rmtree(tmp_path / "mlruns")

    # then
    expected = model.predict(samples).tolist()
    for uri in ("models:/iris@champion", "models:/iris/1", "models:/iris/latest"):
        assert tracked.pyfunc.load_model(uri).predict(samples).tolist() == expected
    assert tracked.sklearn.load_model("models:/iris@champion").predict(samples).tolist() == expected
    found = client.get_model_version("iris", "1")
    assert (found.run_id, repository.version("iris:champion").run) == (run.info.run_id, run.info.run_id)
    assert repository.version("iris:v1").metadata["metrics"] == {"acc": 0.97}
    assert [one.key for one in found.params] == ["C"]
    assert repository.fsck(full=True).findings == ()
    # mreg's own copy loads, too, and nothing was written to it
    ready = repository.use("iris:champion")
    assert tracked.pyfunc.load_model(str(ready)).predict(samples).tolist() == expected
    assert not (ready / "registered_model_meta").exists()


def test_a_run_is_registered_and_copied_by_its_uri(tracked: Any, repository: Repository, folder: Path) -> None:
    with tracked.start_run() as run:
        tracked.log_artifacts(str(folder), "model")

    made = tracked.register_model(f"runs:/{run.info.run_id}/model", "doubler", tags={"k": "v"})
    copy = tracked.MlflowClient().copy_model_version("models:/doubler/1", "production")

    assert (made.version, made.tags, copy.name, copy.version) == (1, {"k": "v"}, "production", 1)
    assert tracked.pyfunc.load_model("models:/production/1").predict([1, 2]) == [2, 4]
    assert repository.version("production:v1").manifest == repository.version("doubler:v1").manifest


def test_prompts_are_registered_and_loaded(tracked: Any, repository: Repository) -> None:
    tracked.genai.register_prompt("greeting", "Hello {{name}}", tags={"tone": "kind"})
    tracked.genai.register_prompt("greeting", "Dear {{name}}")
    tracked.genai.set_prompt_alias("greeting", alias="live", version=1)

    assert tracked.genai.load_prompt("prompts:/greeting@live").format(name="Ada") == "Hello Ada"
    assert tracked.genai.load_prompt("greeting", version=2).template == "Dear {{name}}"
    assert repository.resolve("greeting:live").name == "greeting:v1"


# The server.


@pytest.fixture
def server(repository: Repository, tmp_path: Path) -> Iterator[str]:
    """The address of `mlflow server` with its registry in the repository. It sends nothing anywhere."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    stores = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/server.db",
        "--registry-store-uri",
        f"mreg://{tmp_path}/models",
    ]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        *stores,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health", process, tmp_path / "server.log")
        yield address
        assert "Traceback" not in (tmp_path / "server.log").read_text()
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text()[-4000:]}")


@pytest.fixture
def client(server: str, folder: Path) -> Any:
    """A client that knows of the server only, and has registered two versions of `digits` there."""
    client = mlflow.MlflowClient(tracking_uri=server, registry_uri=server)
    run = client.create_run("0")
    client.log_metric(run.info.run_id, "acc", 0.97)
    client.log_artifacts(run.info.run_id, str(folder), "model")
    client.create_registered_model("digits", {"team": "vision"}, "Reads handwritten digits")
    for number in (1, 2):
        source = f"{run.info.artifact_uri}/model"
        client.create_model_version(
            "digits", source, run.info.run_id, {"build": str(number)}, description=f"no. {number}"
        )
    client.set_registered_model_alias("digits", "champion", "1")
    client.set_registered_model_alias("digits", "challenger", "2")
    return client


def test_clients_of_a_server_use_the_repository(client: Any, repository: Repository) -> None:
    assert client.get_model_version_by_alias("digits", "champion").version == "1"
    assert [
        one.version for one in client.search_model_versions("name = 'digits'", order_by=["version_number ASC"])
    ] == ["1", "2"]
    assert repository.resolve("digits:champion").name == "digits:v1"
    assert repository.version("digits:v1").metadata["metrics"] == {"acc": 0.97}
    repository.set_alias("champion", "digits:v2")
    assert client.get_registered_model("digits").aliases == {"champion": "2", "challenger": "2"}
    with pytest.raises(mlflow.exceptions.MlflowException, match="not found"):
        client.get_model_version("digits", "9")
    client.delete_registered_model("digits")
    repository.undo(repository.history()[-1].seq)
    assert len(client.search_registered_models()) == 1


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium: `make mlflow`")
def test_the_pages_of_the_server_show_models_versions_and_aliases(client: Any, server: str, tmp_path: Path) -> None:
    def shown(page: str) -> str:
        """The text of the page, as a browser shows it."""
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser"]
        command = ["chromium", *options, "--virtual-time-budget=20000", "--dump-dom", f"{server}/#{page}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", done.stdout, flags=re.DOTALL)
        return " ".join(html.unescape(text).split())

    models, model, version = shown("/models"), shown("/models/digits"), shown("/models/digits/versions/1")

    assert "digits" in models and "Version 2" in models
    for text in ("Reads handwritten digits", "team vision", "Version 1", "Version 2", "@ champion", "@ challenger"):
        assert text in model, model
    for text in ("no. 1", "champion", "build"):
        assert text in version, version
