"""Hashes the files of a folder as mreg does, in one thread, and does nothing else: `python digest.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from blake3 import blake3

BLOCK = 1 << 20


def digest(path: Path) -> str:
    """The BLAKE3 of its bytes, in little memory."""
    hashing, buffer = blake3(), memoryview(bytearray(BLOCK))
    with open(path, "rb", buffering=0) as file:
        while length := file.readinto(buffer):
            hashing.update(buffer[:length])
    return hashing.hexdigest()


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).rglob("*")):
        if path.is_file():
            print(digest(path))
