"""What release 0.1 makes of the first lines of config.toml and of a journal entry, written down once and never changed:
old clients of a shared folder do what is here, whatever becomes of today's code.

Of the release itself (`config.identify`, `Entry.from_bytes` and the ref keys that it parsed), without its sentences for
other damage.
"""

from __future__ import annotations

import json
from typing import Any

TEXTS = ("prev", "id", "who", "host", "command", "time")
FIELDS = {*TEXTS, "kind", "format", "seq", "changes", "packs", "drops"}
DEPTH = {"artifacts": 2, "registered": 2, "aliases": 2, "runs": 1, "config.toml": 0}


class Refused(Exception):
    """With the sentence that the release says."""


def opened(config: bytes) -> str:
    """The id of the repository with this config.toml. Raises Refused."""
    first, second = (*config.decode("utf-8", "replace").split("\n", 2), "", "")[:2]
    number = first.removeprefix("format = ")
    if not first.startswith("format = ") or not (number.isascii() and number.isdigit() and len(number) <= 16):
        raise Refused("config.toml is damaged: its first line does not state the format")
    if int(number) != 1:
        raise Refused(f"the repository has format {int(number)}; this release of mreg reads format 1")
    name = second.removeprefix('id = "').removesuffix('"')
    if second == name or not (len(name) == 32 and name.isalnum()):
        raise Refused("config.toml is damaged: its second line does not state the repository's id")
    return name


def read(seq: int, data: bytes) -> dict[str, Any]:
    """The entry. Raises Refused."""
    try:
        record = json.loads(data)
        _check(record, data)
    except ValueError as error:
        raise Refused(f"journal entry {seq} is damaged: {error}") from None
    assert isinstance(record, dict)
    return record


def _check(record: Any, data: bytes) -> None:
    if not isinstance(record, dict) or record.get("kind") != "entry" or record.get("format") != 1:
        raise ValueError("not a journal entry of a known format")
    if record.keys() != FIELDS or not all(isinstance(record[key], str) for key in TEXTS):
        raise ValueError("it is not in canonical form")
    if not all(map(_is_change, record["changes"])):
        raise ValueError("a change is not a ref with its old and new value")
    written = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    if written.encode() != data:
        raise ValueError("it is not in canonical form")


def _is_change(row: Any) -> bool:
    ref, *values = row
    file = ref.partition("#")[0]
    folder, *names = file.split("/")
    return (
        len(row) == 3
        and all(value is None or isinstance(value, str) for value in values)
        and all(_is_component(part) for part in (*file.split("/"), *ref.split("/")))
        and len(names) == DEPTH.get(folder)
    )


def _is_component(part: str) -> bool:
    plain = part.replace("#", "").replace(".", "").replace("_", "").replace("-", "")
    return 0 < len(part) <= 255 and part not in (".", "..") and part.isascii() and (not plain or plain.isalnum())
