"""MLflow's registered models: of its file store, and of its database."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where `tools` is: test folders are no packages

import real_sources
import tools

from mreg.checkout.space import NoSpace
from mreg.importers import mlflow_sql
from mreg.importers.faults import MalformedSource, NothingToImport, OutsideSource, PartialVersion
from mreg.repository import Repository
from mreg.values.errors import MregError

RUN, MODEL = "r" * 32, "m-" + "1" * 32
CREATED = 1_700_000_000_123


class Files:
    """A file store as MLflow writes it. at: the path that it believes to lie at."""

    def __init__(self, root: Path, at: str | None = None) -> None:
        self.root = root
        self.at = at or str(root)

    def write(self, path: str, data: Any) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(data if isinstance(data, str) else json.dumps(data))

    def model(self, name: str = "digits", **aliases: int) -> None:
        said = {"name": name, "description": "reads digits", "creation_timestamp": CREATED, "aliases": aliases}
        self.write(f"models/{name}/meta.yaml", said)
        for alias, number in aliases.items():
            self.write(f"models/{name}/aliases/{alias}", str(number))

    def run(self, run: str = RUN, **metrics: str) -> None:
        said = {"artifact_uri": f"file://{self.at}/0/{run}/artifacts", "user_id": "eve", "run_id": run}
        self.write(f"0/{run}/meta.yaml", said)
        for key, lines in metrics.items():
            self.write(f"0/{run}/metrics/{key}", lines)
        self.write(f"0/{run}/params/opt/lr", "0.1")

    def version(self, number: int, *, name: str = "digits", place: str | None = None, **said: Any) -> None:
        folder = f"0/models/{MODEL}{number}/artifacts"
        self.write(f"{folder}/MLmodel", "flavors: {}")
        self.write(f"{folder}/data/weights.bin", f"weights {number}")
        place = f"file://{self.at}/{folder}" if place is None else place
        meta = {"name": name, "version": number, "creation_timestamp": CREATED, "storage_location": place}
        meta |= {"source": f"models:/{MODEL}{number}", "current_stage": "None", "status": "READY", **said}
        self.write(f"models/{name}/version-{number}/meta.yaml", meta)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "mlruns")


def weights(repo: Repository, version: str) -> bytes:
    return b"".join(repo.read(version, "data/weights.bin"))


class TestFiles:
    def test_every_version_alias_tag_stage_and_metric_arrives(
        self, repo: Repository, files: Files, only_read: Any
    ) -> None:
        # given
        files.model(champion=3)
        files.write("models/digits/tags/team/name", "vision")
        files.run(acc="1 0.1 1\n3 0.9 2\n2 0.5 2\n", loss="1 nan 1\n", odd="what\n\n1 2\n")
        for number, stage in ((1, "Production"), (3, "None"), (4, "Production"), (5, "Archived")):
            files.version(number, run_id=RUN, current_stage=stage, description=f"the {number}")
        files.version(2, current_stage="Deleted_Internal")
        files.write("models/digits/version-3/tags/a.b", "x")

        # when
        with only_read(files.root):
            done = repo.import_from(files.root)

        # then
        assert (done.system, done.added) == ("mlflow", ("digits:v1", "digits:v3", "digits:v4", "digits:v5"))
        version = repo.version("digits:champion")
        assert (version.number, version.message, version.run) == (3, "the 3", RUN)
        assert version.origin == ("mlflow", "3", "2023-11-14T22:13:20.123000Z", "eve")
        assert version.metadata["metrics"] == {"acc": 0.9, "loss": "NaN", "odd": 2.0}
        assert version.metadata["params"] == {"opt/lr": "0.1"}
        assert repo.properties("digits:v3") == {"a.b": "x"}
        assert repo.properties("digits:v4") == {"mlflow@stage": "Production"}
        assert {one.alias: one.number for one in repo.aliases("digits")} == {"champion": 3, "production": 4}
        assert repo.artifact("digits").description == "reads digits"
        properties = repo.properties("digits")
        assert (properties["team/name"], properties["mlflow@created"]) == ("vision", CREATED)
        assert [weights(repo, f"digits:v{n}") for n in (1, 3, 4, 5)] == [b"weights %d" % n for n in (1, 3, 4, 5)]
        assert repo.fsck(full=True).findings == ()

    def test_a_second_import_changes_nothing_and_one_after_a_version_adds_exactly_that(
        self, repo: Repository, files: Files
    ) -> None:
        files.model(best=1)
        files.version(1)
        repo.import_from(files.root)
        assert repo.import_from(files.root).added == ()
        assert len(repo.history()) == 1

        files.model(best=2)
        files.version(2)

        assert repo.import_from(files.root).added == ("digits:v2",)
        assert repo.resolve("digits:best").number == 2
        assert len(repo.history()) == 2

    def test_a_store_that_was_moved_is_found_by_the_ends_of_its_paths(self, repo: Repository, tmp_path: Path) -> None:
        files = Files(tmp_path / "copy" / "mlruns", at="/home/eve/project/mlruns")
        files.model()
        files.version(1)

        repo.import_from(tmp_path / "copy")

        assert weights(repo, "digits:v1") == b"weights 1"

    @pytest.mark.parametrize(
        "source", ["runs:/{run}/model", "{root}/0/{run}/artifacts/model", "mlflow-artifacts:/0/{run}/artifacts/model"]
    )
    def test_models_of_older_releases_lie_in_their_runs(self, repo: Repository, files: Files, source: str) -> None:
        files.model()
        files.run()
        files.write(f"0/{RUN}/artifacts/model/data/weights.bin", "of the run")
        files.version(1, place="", source=source.format(run=RUN, root=files.root), run_id=RUN)

        repo.import_from(files.root)

        assert weights(repo, "digits:v1") == b"of the run"

    def test_artifacts_elsewhere_are_read_where_that_is_allowed(
        self, repo: Repository, files: Files, tmp_path: Path
    ) -> None:
        files.model()
        files.version(1, place=f"{tmp_path}/server/mlartifacts/0/models/x/artifacts")
        place = tmp_path / "server" / "mlartifacts" / "0" / "models" / "x" / "artifacts" / "data"
        place.mkdir(parents=True)
        (place / "weights.bin").write_text("elsewhere")
        shutil.rmtree(files.root / "0")
        with pytest.raises(PartialVersion) as refused:
            repo.import_from(files.root)
        assert refused.value.hint == f"if they may be read, add `--data {place.parent}`"

        repo.import_from(files.root, data=[str(tmp_path / "server")])

        assert weights(repo, "digits:v1") == b"elsewhere"

    @pytest.mark.parametrize(
        "place", ["s3://bucket/model", "https://x/y", "dbfs:/x", "mlflow-artifacts:/", "file://host/x"]
    )
    def test_a_version_without_bytes_is_refused_or_left_out(self, repo: Repository, files: Files, place: str) -> None:
        files.model(best=1)
        files.version(1, place=place)
        files.version(2)
        shutil.rmtree(files.root / "0" / "models" / f"{MODEL}1")
        with pytest.raises(PartialVersion, match=re.escape(f"digits 1 is incomplete: its files at {place!r} are not")):
            repo.import_from(files.root)

        done = repo.import_from(files.root, partial=True)

        assert done.added == ("digits:v2",)
        assert len(done.notes) == 1 and place in done.notes[0]

    @pytest.mark.parametrize("place", ["{root}/../../outside", "/etc", "file:///etc", "../outside", "{root}/0/../../x"])
    def test_a_place_out_of_the_source_is_not_read(
        self, repo: Repository, files: Files, place: str, tmp_path: Path
    ) -> None:
        for outside in (tmp_path.parent / "outside", tmp_path / "outside", tmp_path / "x"):
            outside.mkdir(exist_ok=True)
            (outside / "secret").write_text("secret")
        files.model()
        files.version(1, place=place.format(root=files.root), source="")

        with pytest.raises(PartialVersion):
            repo.import_from(files.root)

    def test_a_link_out_of_the_source_is_refused(self, repo: Repository, files: Files) -> None:
        files.model()
        files.version(1)
        (files.root / f"0/models/{MODEL}1/artifacts/passwd").symlink_to("/etc/passwd")

        with pytest.raises(OutsideSource):
            repo.import_from(files.root)

    def test_what_is_not_chosen_does_not_matter(self, repo: Repository, files: Files) -> None:
        files.model("good")
        files.version(1, name="good")
        files.model("bad")
        files.version(2, name="bad")
        (files.root / f"0/models/{MODEL}2/artifacts/secret").symlink_to("/etc/hostname")
        files.version(3, name="bad", place="s3://bucket/model")
        with pytest.raises(OutsideSource):
            repo.import_from(files.root)

        done = repo.import_from(files.root, only="good", partial=True)

        assert (done.added, done.notes) == (("good:v1",), ())

    def test_names_that_do_not_fit_and_prompts(self, repo: Repository, files: Files) -> None:
        for name in ("Fraud detector!", "prompt"):
            files.model(name)
            files.version(1, name=name)
        files.write("models/prompt/tags/mlflow.prompt.is_prompt", "true")

        done = repo.import_from(files.root)

        assert done.collections[0].renamed == {"Fraud detector!": "Fraud-detector"}
        assert done.added == ("Fraud-detector:v1",)
        assert len(done.notes) == 1 and "prompt" in done.notes[0]

    @pytest.mark.parametrize("text", ["[1]", "a: &a [*a]", "\0", "{", "!!python/object/apply:os.system [ls]"])
    def test_a_meta_file_that_is_not_understood(self, repo: Repository, files: Files, text: str) -> None:
        files.model()
        files.version(1)
        files.write("models/digits/version-1/meta.yaml", text)

        with pytest.raises((MalformedSource, PartialVersion)):
            repo.import_from(files.root)

        assert repo.history() == []

    @pytest.mark.parametrize("what", ["models/digits/version-2", "models/other", f"0/{RUN}"])
    def test_what_is_not_understood_is_named_and_the_rest_is_imported(
        self, repo: Repository, files: Files, what: str
    ) -> None:
        files.model()
        files.run(acc="1 0.1 1\n")
        for number in (1, 2):
            files.version(number, run_id=RUN)
        files.write(f"{what}/meta.yaml", "{")

        done = repo.import_from(files.root)

        assert done.added == tuple(f"digits:v{n}" for n in ((1,) if "version" in what else (1, 2)))
        assert [note for note in done.notes if repr(what) in note and "not YAML" in note] == list(done.notes)
        assert len(done.notes) == 1

    def test_a_version_without_a_meta_file_is_named_and_the_rest_is_imported(
        self, repo: Repository, files: Files
    ) -> None:
        files.model()
        for number in (1, 2):
            files.version(number)
        (files.root / "models/digits/version-1/meta.yaml").unlink()

        done = repo.import_from(files.root)

        assert done.added == ("digits:v2",)
        assert done.notes == ("'models/digits/version-1' is left out: meta.yaml is missing",)

    def test_all_versions_elsewhere_are_allowed_by_one_folder(
        self, repo: Repository, files: Files, tmp_path: Path
    ) -> None:
        files.model()
        for number in (1, 2):
            files.version(number, place=f"file://{tmp_path}/server%20of/models/m{number}/artifacts")
            place = tmp_path / "server of" / "models" / f"m{number}" / "artifacts"
            place.mkdir(parents=True)
            (place / "weights.bin").write_text("elsewhere")
        shutil.rmtree(files.root / "0")

        with pytest.raises(PartialVersion) as refused:
            repo.import_from(files.root)

        folder = tmp_path / "server of" / "models"
        assert refused.value.hint == f"if they may be read, add `--data '{folder}'`"
        assert repo.import_from(files.root, data=[str(folder)]).added == ("digits:v1", "digits:v2")

    def test_an_empty_store_is_refused(self, repo: Repository, files: Files) -> None:
        files.model()
        with pytest.raises(NothingToImport, match="no version"):
            repo.import_from(files.root)


OLD = """
CREATE TABLE registered_models (name TEXT, creation_time INT, last_updated_time INT, description TEXT);
CREATE TABLE model_versions (name TEXT, version INT, creation_time INT, description TEXT, user_id TEXT,
    current_stage TEXT, source TEXT, run_id TEXT, status TEXT);
INSERT INTO registered_models VALUES ('digits', 1700000000123, 0, 'reads digits');
INSERT INTO model_versions VALUES ('digits', 1, 1700000000123, 'first', 'ada', 'Staging', '/old/mlruns/0/r/artifacts/m',
    'r', 'READY');
INSERT INTO model_versions VALUES ('digits', 2, 1700000000123, NULL, NULL, 'Deleted_Internal', 'x', 'r', 'READY');
INSERT INTO model_versions VALUES ('digits', 3, 1700000000123, NULL, NULL, 'None', 'runs:/r/m', 'r', 'READY');
"""
NEW = """
ALTER TABLE model_versions ADD COLUMN storage_location TEXT;
CREATE TABLE registered_model_aliases (alias TEXT, version INT, name TEXT);
CREATE TABLE registered_model_tags (key TEXT, value TEXT, name TEXT);
CREATE TABLE model_version_tags (key TEXT, value TEXT, name TEXT, version INT);
CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT, user_id TEXT);
CREATE TABLE latest_metrics (key TEXT, value REAL, is_nan INT, run_uuid TEXT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
INSERT INTO registered_model_aliases VALUES ('champion', 3, 'digits');
INSERT INTO registered_model_tags VALUES ('team', 'vision', 'digits');
INSERT INTO model_version_tags VALUES ('a.b', 'x', 'digits', 3);
INSERT INTO runs VALUES ('r', '/old/mlruns/0/r/artifacts', 'eve');
INSERT INTO latest_metrics VALUES ('acc', 0.9, 0, 'r'), ('bad', 0, 1, 'r');
INSERT INTO params VALUES ('lr', '0.1', 'r');
"""


class TestDatabase:
    @pytest.fixture
    def database(self, tmp_path: Path) -> Callable[..., Path]:
        def database(*scripts: str) -> Path:
            folder = tmp_path / "server"
            place = folder / "mlruns" / "0" / "r" / "artifacts" / "m" / "data"
            place.mkdir(parents=True)
            (place / "weights.bin").write_text("weights")
            with closing(sqlite3.connect(folder / "mlflow.db")) as made:
                for script in scripts:
                    made.executescript(script)
            return folder / "mlflow.db"

        return database

    def test_all_that_is_known_arrives(self, repo: Repository, database: Callable[..., Path], only_read: Any) -> None:
        source = database(OLD, NEW)

        with only_read(source.parent):
            done = repo.import_from(source)

        assert done.added == ("digits:v1", "digits:v3")
        version = repo.version("digits:champion")
        assert version.metadata["metrics"] == {"acc": 0.9, "bad": "NaN"}
        assert version.metadata["params"] == {"lr": "0.1"}
        assert version.origin == ("mlflow", "3", "2023-11-14T22:13:20.123000Z", "eve")
        assert {one.alias: one.number for one in repo.aliases("digits")} == {"champion": 3, "staging": 1}
        assert (repo.properties("digits")["team"], repo.properties("digits:v3")) == ("vision", {"a.b": "x"})
        assert weights(repo, "digits:v3") == b"weights", "by its run"
        assert repo.import_from(source).added == ()

    def test_an_import_after_a_new_version_adds_exactly_that(
        self, repo: Repository, database: Callable[..., Path]
    ) -> None:
        source = database(OLD, NEW)
        repo.import_from(source)
        before = len(repo.history())
        with closing(sqlite3.connect(source)) as opened:
            opened.execute(
                "INSERT INTO model_versions (name, version, creation_time, current_stage, source, run_id, status) "
                "VALUES ('digits', 4, 1700000000456, 'None', 'runs:/r/m', 'r', 'READY')"
            )
            opened.execute("UPDATE registered_model_aliases SET version = 4")
            opened.commit()

        assert repo.import_from(source).added == ("digits:v4",)

        assert repo.resolve("digits:champion").number == 4
        assert len(repo.history()) == before + 1
        assert repo.import_from(source).added == ()

    def test_a_database_of_an_old_release_is_understood(self, repo: Repository, database: Callable[..., Path]) -> None:
        source = database(OLD, "DELETE FROM model_versions WHERE version = 3")

        done = repo.import_from(source.parent)

        assert done.added == ("digits:v1",)
        assert weights(repo, "digits:staging") == b"weights"

    def test_what_is_in_the_log_beside_it_counts_and_is_left_there(
        self, repo: Repository, database: Callable[..., Path], only_read: Any
    ) -> None:
        source = database(OLD, NEW)
        with closing(sqlite3.connect(source)) as opened:
            opened.execute("PRAGMA journal_mode = WAL")
            opened.execute("UPDATE registered_models SET description = 'new'")
            opened.commit()
            assert Path(f"{source}-wal").stat().st_size

            with only_read(source.parent):
                repo.import_from(source)

        assert repo.artifact("digits").description == "new"

    @pytest.mark.parametrize(
        "script",
        [
            "DROP TABLE model_versions",
            "DROP TABLE registered_models; CREATE VIEW registered_models AS "
            "WITH RECURSIVE n(name) AS (SELECT 1 UNION ALL SELECT name + 1 FROM n) SELECT name FROM n",
            "DROP TABLE registered_models; CREATE VIEW registered_models AS SELECT hex(zeroblob(1 << 20)) AS name",
            "DROP TABLE registered_models; CREATE VIEW registered_models AS "
            "WITH RECURSIVE n(m) AS (SELECT 1 UNION ALL SELECT m + 1 FROM n WHERE m < 700) "
            "SELECT hex(zeroblob(500000)) AS name FROM n",
        ],
        ids=["no versions", "endless view", "long value", "many values"],
    )
    def test_a_database_of_another_kind_is_refused(
        self, repo: Repository, database: Callable[..., Path], script: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mreg.importers.mlflow_sql._MOST_STEPS", 100)
        source = database(OLD, script)

        with pytest.raises(MalformedSource):
            repo.import_from(source)

    def test_each_tag_is_looked_at_once(
        self, repo: Repository, database: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks: list[object] = []
        whole = mlflow_sql.whole

        def counted(value: object) -> int | None:
            looks.append(value)
            return whole(value)

        monkeypatch.setattr(mlflow_sql, "whole", counted)
        numbers = "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 209) "
        source = database(
            OLD,
            NEW,
            f"{numbers} INSERT INTO model_versions(name, version, current_stage, source) "
            "SELECT 'digits', i, 'Deleted_Internal', '' FROM n",
            f"{numbers} INSERT INTO model_version_tags(name, version, key, value) SELECT 'digits', i, 'k', 'v' FROM n",
        )

        repo.import_from(source)

        assert len(looks) < 1000

    def test_a_name_that_nobody_would_read_is_told_shortened(
        self, repo: Repository, database: Callable[..., Path]
    ) -> None:
        source = database(
            OLD,
            "DELETE FROM model_versions; INSERT INTO registered_models(name) VALUES (hex(zeroblob(100000)))",
        )

        with pytest.raises(NothingToImport) as refusal:
            repo.import_from(source)

        assert len(str(refusal.value)) < 5000

    @pytest.mark.parametrize(
        ("begins", "error", "said"),
        [(b"", MalformedSource, "not an MLflow database"), (b"SQLite format 3\0", NoSpace, "has room for")],
        ids=["zeros", "database"],
    )
    def test_a_file_that_fills_the_disk_is_not_copied(
        self,
        repo: Repository,
        tmp_path: Path,
        begins: bytes,
        error: type[MregError],
        said: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (tmp_path / "mlflow.db").write_bytes(begins)
        os.truncate(tmp_path / "mlflow.db", 1 << 20)
        disk = SimpleNamespace(f_frsize=4096, f_blocks=1000, f_bavail=10, f_files=0, f_favail=0)
        monkeypatch.setattr("mreg.checkout.space.os.statvfs", lambda _: disk)

        with pytest.raises(error, match=said):
            repo.import_from(tmp_path / "mlflow.db", "mlflow")

    def test_a_damaged_database_is_refused(self, repo: Repository, database: Callable[..., Path]) -> None:
        source = database(OLD, NEW)
        data = bytearray(source.read_bytes())
        data[100:] = b"\xff" * (len(data) - 100)
        source.write_bytes(data)

        with pytest.raises(MalformedSource, match="SQLite"):
            repo.import_from(source)

    def test_a_folder_with_two_stores_is_not_guessed_at(self, repo: Repository, database: Callable[..., Path]) -> None:
        source = database(OLD, NEW)
        files = Files(source.parent / "mlruns")
        files.model()
        files.version(1)

        with pytest.raises(MalformedSource, match="two stores"):
            repo.import_from(source.parent)


class TestRealTool:
    def check(self, repo: Repository, source: Path) -> None:
        # when
        done = repo.import_from(source)

        # then
        assert done.added == ("digits:v1", "digits:v3")
        versions = repo.versions("digits")
        assert [one.message for one in versions] == ["the 1", "the 3"]
        assert [one.metadata["metrics"] for one in versions] == [{"acc": 0.1}, {"acc": 0.3}]
        assert [one.metadata["params"] for one in versions] == [{"lr": "0.1"}] * 2
        assert {one.alias: one.number for one in repo.aliases("digits")} == {"champion": 3, "production": 1}
        assert repo.properties("digits")["team"] == "vision"
        assert repo.properties("digits:v3") == {"a.b/c": "x"}
        assert repo.artifact("digits").description == "reads\ndigits: all " + "of them " * 30
        assert weights(repo, "digits:champion") == b"weights"
        assert repo.import_from(source).added == ()

    @pytest.mark.parametrize("release", ["mlflow-lowest", "mlflow-newest"])
    def test_its_files_arrive_also_where_they_were_moved(self, repo: Repository, tmp_path: Path, release: str) -> None:
        folder = tools.SOURCES.parent / release
        if not (folder / "mlflow").is_dir():
            pytest.skip("mlflow-skinny is not there: `make mlflow-skinny`")
        real_sources.mlflow(tmp_path, f"file://{tmp_path}/mlruns", folder)
        (tmp_path / "mlruns").rename(tmp_path / "moved")

        self.check(repo, tmp_path / "moved")

    @pytest.mark.slow
    def test_its_database_arrives_also_where_it_was_moved(self, repo: Repository, tmp_path: Path) -> None:
        folder = tools.SOURCES.parent / "mlflow"
        if not (folder / "mlflow").is_dir():
            pytest.skip("mlflow is not there: `make mlflow`")
        real_sources.mlflow(tmp_path, f"sqlite:///{tmp_path}/work/mlflow.db", folder)
        (tmp_path / "work").rename(tmp_path / "moved")

        self.check(repo, tmp_path / "moved")
