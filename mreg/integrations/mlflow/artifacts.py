"""The files of versions for MLflow, which copies what it loads: nothing is written into the cache or the repository."""

from __future__ import annotations

import os
import posixpath
from typing import Any, NoReturn

from mlflow.entities import FileInfo
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.utils.file_utils import create_tmp_dir

from mreg.integrations.mlflow import uris
from mreg.integrations.mlflow.errors import refuse, translated
from mreg.repository import Repository


class VersionArtifacts(ArtifactRepository):  # type: ignore[misc, unused-ignore]
    """The artifacts of one version, or of a whole repository: then the first part of each path is a reference."""

    @translated
    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        self._repository: Repository = uris.parse(artifact_uri).repository()

    @translated
    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        place = self._place(path)
        below = f"{place.path}/" if place.path else ""
        files = self._repository.files(place.reference)
        found = {}
        for name, size in [*((file.path, file.size) for file in files), *self._folders(place.reference)]:
            if name.startswith(below) and name != below:
                first, slash, _ = name.removeprefix(below).partition("/")
                found[first] = FileInfo(posixpath.join(path or "", first), bool(slash), None if slash else size)
        return [found[name] for name in sorted(found)]

    @translated
    def download_artifacts(self, artifact_path: str | None, dst_path: str | None = None) -> str:
        """As MLflow says; a whole version is written, and verified, at once."""
        place = self._place(artifact_path)
        if place.path or (dst_path and not os.path.isdir(dst_path)):
            return str(super().download_artifacts(artifact_path, dst_path))
        folder = os.path.join(dst_path or create_tmp_dir(), artifact_path or "")
        return os.path.abspath(self._repository.get(place.reference, folder, reflink=True).path)

    @translated
    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        place = self._place(remote_file_path)
        with open(local_path, "wb") as file:
            for data in self._repository.read(place.reference, place.path):
                file.write(data)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> NoReturn:
        refuse("mreg: a version never changes; register a model to make the next one", INVALID_PARAMETER_VALUE)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> NoReturn:
        self.log_artifact(local_dir, artifact_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> NoReturn:
        self.log_artifact("", artifact_path)

    def _place(self, path: str | None) -> uris.Place:
        """What is at the path. Raises MlflowException where that is no version, and nothing in one."""
        place = uris.parse(self.artifact_uri)
        parts = [part for part in (place.reference, place.path, (path or "").strip("/")) if part]
        reference, _, inner = "/".join(parts).partition("/")
        if not reference:
            refuse(f"mreg: {self.artifact_uri} names no version", RESOURCE_DOES_NOT_EXIST)
        return uris.Place(place.location, reference, inner)

    def _folders(self, reference: str) -> list[tuple[str, Any]]:
        return [(f"{folder}/", None) for folder in self._repository.folders(reference)]
