"""URIs: `mreg:///srv/models` is a repository in a folder, `mreg:s3://bucket/models` one in a bucket, `mreg:` the one
that the command line would find. A reference may follow, and a path in the version: `mreg:///srv/.mreg/fraud:v1/MLmodel`.
"""

from __future__ import annotations

import os
from typing import Final, NoReturn

from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from mreg.integrations.mlflow.errors import refuse
from mreg.repository import Repository
from mreg.values.named_tuple import NamedTuple

SCHEME: Final = "mreg"
_MARK: Final = "/.mreg/"


class Place(NamedTuple):
    """location: of the repository, empty where it is to be found. reference: of the version, and path: within it, both
    empty where the URI ends before them."""

    location: str
    reference: str = ""
    path: str = ""

    def repository(self) -> Repository:
        """The repository, open. Raises NoRepository."""
        return Repository.open(self.location) if self.location else Repository.find()


def parse(uri: str) -> Place:
    """Take a URI apart. Raises MlflowException."""
    scheme, colon, rest = uri.partition(":")
    if scheme != SCHEME or not colon:
        _refuse(uri, "write mreg:///PATH, mreg:URL-OF-A-BUCKET, or mreg: alone")
    if rest.startswith("//"):
        rest = rest[2:]
        if rest and not rest.startswith("/"):
            _refuse(uri, "the path of a folder begins with a slash: mreg:///PATH")
    location, mark, inner = f"{rest}/".partition(_MARK)
    if mark:
        location += _MARK[:-1]
    else:
        location, inner = _cut(rest)
    reference, _, path = inner.rstrip("/").partition("/")
    return Place(location, reference, path)


def _cut(text: str) -> tuple[str, str]:
    """Where a location ends that is no `.mreg`: before the first part with a colon, as a reference has one."""
    scheme, mark, rest = text.rpartition("://")
    parts = rest.split("/")
    for at, part in enumerate(parts[1:], 1):
        if ":" in part:
            return scheme + mark + "/".join(parts[:at]), "/".join(parts[at:])
    return text.rstrip("/"), ""


def of_version(location: str, version: str) -> str:
    """The URI of a version. location: of its repository."""
    if "://" in location:
        return f"{SCHEME}:{location}/{version}"
    return f"{SCHEME}://{os.path.abspath(location)}/{version}"


def _refuse(uri: str, reason: str) -> NoReturn:
    refuse(f"mreg: {uri!r} names no repository: {reason}", INVALID_PARAMETER_VALUE)
