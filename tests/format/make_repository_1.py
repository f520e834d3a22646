"""How `data/repository-1.tar.gz` was made. It is never made again: it stands for what is out there.

A format that is new gets a script of its own beside this one (`make_repository_2.py`):

    python tests/format/make_repository_1.py
"""

from __future__ import annotations

import json
import random
import tarfile
import tempfile
from pathlib import Path

from mreg import Repository

DATA = Path(__file__).parent / "data"


def tensors(**sizes_and_bytes: tuple[int, int]) -> bytes:
    """A safetensors file of tensors that are one byte again and again, each given as length and byte."""
    header, body = {}, b""
    for name, (size, byte) in sizes_and_bytes.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [len(body), len(body) + size]}
        body += bytes([byte]) * size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def blocks(seed: int, count: int) -> bytes:
    """Bytes that are cut by their content, and that a tar.gz makes small."""
    chance = random.Random(seed)
    known = [chance.randbytes(256) for _ in range(16)]
    return b"".join(chance.choice(known) for _ in range(count))


def fill(repository: Repository, source: Path) -> None:
    def write(name: str, data: bytes, mode: int = 0o644) -> None:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)

    write("model.safetensors", tensors(body=(3000, 1), head=(2000, 2)))
    write("tokens/grüße.txt", b"hallo\n")
    write("run.sh", b"#!/bin/sh\n", 0o755)
    write("empty", b"")
    repository.log(source, "digits", aliases=["best"], links=["Reader"], message="first", metadata={"acc": 0.5})
    write("model.safetensors", tensors(body=(3000, 1), head=(2000, 3)))
    repository.log(source, "digits", run="run-1", metadata={"acc": 0.75, "layers": [64, 10], "notes": {"ok": True}})
    write("notes.bin", blocks(1, 3000))
    repository.log(source, "digits", aliases=["best"], links=["Reader"], inputs=["digits:v1"])
    write("notes.bin", blocks(1, 3000) + b"more")
    repository.log(source, "digits", message="to be deleted")
    repository.remove("digits:v3")
    repository.annotate("digits:v1", message="looked at again", metadata={"acc": 0.8}, inputs=["digits:v0"])
    repository.log(source / "tokens", "words", type="tokenizer")
    repository.create_artifact("nothing-yet", description="still empty")
    repository.link("words:v0", "Reader", aliases=["words"])
    repository.unlink("Reader:v1")
    repository.set_alias("production", "Reader:v0")
    repository.set_alias("old", "digits:v0")
    repository.remove_alias("old", "digits")
    repository.set_card("Reader", "# Reader\n\nReads digits: größer, schneller.\n")
    repository.add_tags("Reader", ["vision", "small models"])
    repository.remove_tags("Reader", ["vision"])
    repository.use("digits:best", run="run-2")
    repository.use("words:v0", run="run-2")
    repository.set_setting("gc.grace", "30d")
    repository.rename_artifact("words", "vocabulary")
    repository.create_model("Gone")
    repository.remove_model("Gone")
    repository.gc(grace=0)


def describe(repository: Repository) -> dict[str, object]:
    """What must be read from it for ever."""
    versions = [version for artifact in repository.artifacts() for version in repository.versions(artifact.name)]
    return {
        "id": repository.id,
        "versions": {
            version.name: {
                "digest": version.digest,
                "message": version.message,
                "metadata": version.metadata,
                "run": version.run,
                "inputs": [[entry.reference, entry.version] for entry in version.inputs],
                "aliases": list(version.aliases),
                "links": list(version.links),
                "type": version.type,
                "files": {
                    file.path: [file.size, file.digest, file.executable] for file in repository.files(version.name)
                },
            }
            for version in versions
        },
        "deleted": ["digits:v3", "Reader:v1", "words:v0"],
        "history": [
            [
                entry.seq,
                entry.command,
                [[change.ref, change.old, change.new] for change in entry.changes],
            ]
            for entry in repository.history()
        ],
        "card": repository.card("Reader"),
        "tags": {tag: list(models) for tag, models in repository.tags().items()},
        "grace": repository.setting("gc.grace"),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "source").mkdir()
        with Repository.init(root, cache=str(root / "cache"), author="ann") as repository:
            fill(repository, root / "source")
            assert not repository.fsck(full=True).findings
            expected = describe(repository)
        with tarfile.open(DATA / "repository-1.tar.gz", "w:gz") as archive:
            archive.add(root / ".mreg", ".mreg", filter=anonymous)
    (DATA / "repository-1.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", "utf-8")


def anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return None if info.name in (".mreg/lock", ".mreg/tmp") else info


if __name__ == "__main__":
    main()
