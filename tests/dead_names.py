"""Whether names died once, told from the bytes of a repository alone, without any code of mreg."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from blake3 import blake3

VERSION = re.compile(r"artifacts/[^/]+/v(0|[1-9][0-9]*)")

Get = Callable[[str], "bytes | None"]


def entries(keys: Iterable[str], get: Get) -> list[dict[str, Any]]:
    """The journal of a repository with these keys."""
    found = (get(key) for key in sorted(keys) if re.fullmatch(r"journal/[0-9]{6}/[0-9]{9}\.json", key))
    return [json.loads(data) for data in found if data is not None]


def dead(journal: Iterable[dict[str, Any]]) -> dict[str, int]:
    """What died, each key with the entry that dropped it. Nothing dies twice, and nobody names what is dead."""
    found: dict[str, int] = {}
    for entry in journal:
        for name in entry["packs"]:
            assert f"packs/{name[:2]}/{name[2:]}.pack" not in found, f"entry {entry['seq']} names a dead pack"
        for key in entry["drops"] if entry["format"] > 1 else ():
            assert key not in found, f"entry {entry['seq']} drops {key}, which entry {found[key]} dropped"
            found[key] = entry["seq"]
    return found


def live(journal: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The digest of each live version."""
    found: dict[str, str] = {}
    for entry in journal:
        for ref, _, new in entry["changes"]:
            if VERSION.fullmatch(ref):
                found.pop(ref, None)
                found |= {} if new is None else {ref: new}
    return found


def place(digest: str, gone: dict[str, int]) -> str:
    """The key that counts."""
    first = key = f"objects/{digest[:2]}/{digest[2:]}"
    while key in gone:
        key = f"{first}.{gone[key]}"
    return key


def lost(keys: Iterable[str], get: Get) -> list[str]:
    """The live versions whose records are not where they have to be."""
    journal = entries(keys, get)
    gone = dead(journal)

    def record(digest: str) -> Any:
        data = get(place(digest, gone))
        return json.loads(data) if data is not None and blake3(data).hexdigest() == digest else None

    versions = {ref: record(digest) for ref, digest in live(journal).items()}
    return [ref for ref, version in versions.items() if version is None or record(version["manifest"]) is None]
