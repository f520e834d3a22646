"""How `data/repository-2.tar.gz` was made: repository 1, whose packs have format 1, and what was logged afterwards into
packs of format 2. It is never made again: it stands for what is out there.

    python tests/format/make_repository_2.py
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from make_repository_1 import DATA, anonymous, blocks, describe

from mreg import Repository

SIZES = {"F64": ("<f8", 300), "F32": ("<f4", 700), "F16": ("<f2", 600), "I64": ("<i8", 130), "U8": ("u1", 1100)}


def checkpoint(step: int) -> bytes:
    """A safetensors file whose tensors are a little further after each step; the last one never changes."""
    tensors = {}
    for seed, (dtype, (numpy_type, count)) in enumerate(SIZES.items()):
        chance = np.random.default_rng(seed)
        values = chance.normal(0, 1, count) + sum(chance.normal(0, 0.001, count) for _ in range(step))
        tensors[dtype.lower(), dtype] = (values * (1 if numpy_type[1] == "f" else 50)).astype(numpy_type).tobytes()
    wide = np.random.default_rng(7).normal(0, 0.02, 900).astype("<f4").view("<u4") >> 16
    tensors["bf16", "BF16"] = (wide + step).astype("<u2").tobytes()
    tensors["fixed", "F32"] = np.linspace(0, 1, 400).astype("<f4").tobytes()
    header, body = {}, b""
    for (name, dtype), data in tensors.items():
        shape = [len(data) // np.dtype(SIZES.get(dtype, ("<u2", 0))[0]).itemsize]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def fill(repository: Repository, source: Path) -> None:
    def write(name: str, data: bytes) -> None:
        (source / name).write_bytes(data)

    write("noise.bin", np.random.default_rng(8).bytes(2000))
    write("words.txt", blocks(2, 30) * 2)
    for step in range(9):
        write("checkpoint.safetensors", checkpoint(step))
        repository.log(source, "weights", message=f"step {step}")
    repository.remove("weights:v2")
    repository.gc(grace=0)
    repository.set_setting("log.compress", "false")
    write("checkpoint.safetensors", checkpoint(20))
    repository.log(source, "weights", message="as it is")
    repository.set_setting("log.compress", "true")
    (source / "checkpoint.safetensors").rename(source / "renamed.safetensors")
    write("renamed.safetensors", checkpoint(21))
    repository.log(source, "other", base="weights:v4", message="renamed, and of another artifact")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "source").mkdir()
        with tarfile.open(DATA / "repository-1.tar.gz") as archive:
            archive.extractall(root, filter="data")
        with Repository.open(root, cache=str(root / "cache"), author="ann") as repository:
            fill(repository, root / "source")
            assert not repository.fsck(full=True).findings
            expected = describe(repository)
        with tarfile.open(DATA / "repository-2.tar.gz", "w:gz") as archive:
            archive.add(root / ".mreg", ".mreg", filter=anonymous)
    (DATA / "repository-2.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
