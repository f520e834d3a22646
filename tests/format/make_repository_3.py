"""How `data/repository-3.tar.gz` was made: repository 2, raised to format 2, and what only that can hold. It is never
made again: it stands for what is out there.

    python tests/format/make_repository_3.py
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from make_repository_1 import DATA, anonymous, describe

from mreg import Repository

OWNERS = ["digits", "digits:v0", "Reader", "Reader:v0", "producción", "producción:v0"]


def fill(repository: Repository, source: Path) -> None:
    repository.upgrade()
    (source / "assets").mkdir()
    (source / "epoch:3").write_bytes(b"weights of epoch 3\n")
    (source / "epoch:3").chmod(0o755)
    repository.log(source, "producción", aliases=["最良"])
    for owner in OWNERS:
        repository.set_property(owner, "stage of use", {"of": owner, "since": 2026})
        repository.attach(owner, "report", source / "epoch:3")
    repository.remove_property("digits", "stage of use")
    repository.add_tags("producción:v0", ["reviewed", "द्वितीय"])
    repository.annotate("producción:v0", message="said later")
    repository.create_artifact("counted", first=2)
    repository.create_model("Tables", type="dataset", first=1)
    (source / "table.csv").write_bytes(b"1,2\n")
    repository.log(source / "table.csv", "counted", message="first")
    (source / "table.csv").write_bytes(b"3,4\n")
    repository.log(source / "table.csv", "once")
    repository.remove("once:v0", message="not needed")
    repository.gc(grace=0)
    repository.log(source / "table.csv", "once", message="again, under another key")


def describe_more(repository: Repository) -> dict[str, Any]:
    """What format 2 added."""
    versions = [version for artifact in repository.artifacts() for version in repository.versions(artifact.name)]
    return {
        "format": repository.format,
        "properties": {owner: repository.properties(owner) for owner in OWNERS},
        "attachments": {
            owner: {
                one.name: b"".join(repository.read_attachment(owner, one.name)).decode()
                for one in repository.attachments(owner)
            }
            for owner in OWNERS
        },
        "tags": {version.name: list(version.tags) for version in versions if version.tags},
        "types": {model.name: model.type for model in repository.models()},
        "folders": {version.name: list(repository.folders(version.name)) for version in versions},
        "reasons": {entry.seq: entry.message for entry in repository.history() if entry.message},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "source").mkdir()
        with tarfile.open(DATA / "repository-2.tar.gz") as archive:
            archive.extractall(root, filter="data")
        with Repository.open(root, cache=str(root / "cache"), author="ann") as repository:
            fill(repository, root / "source")
            assert not repository.fsck(full=True).findings
            expected = json.loads(json.dumps(describe(repository) | {"more": describe_more(repository)}))
        with tarfile.open(DATA / "repository-3.tar.gz", "w:gz") as archive:
            archive.add(root / ".mreg", ".mreg", filter=anonymous)
    (DATA / "repository-3.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
