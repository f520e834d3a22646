"""Ref files as a long stretch of the journal leaves them, from its first entry on, made in one go.

This is for entries that were compared with the journal already, by their digests. They are read as JSON and not looked
at in all ways that `Entry.from_bytes` knows, which takes five times as long: whoever has applied an entry before does
not look at it again either. What is not as expected is left to who reads one entry after the other, and says what is
wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from mreg.refs import keys, ref_files
from mreg.refs.journal import parse
from mreg.refs.ref_files import Ref
from mreg.values.errors import MregError
from mreg.values.formats import FIRST, NEWEST

_TEXTS: Final = frozenset({str, type(None)})


class Unexpected(ValueError):
    """An entry that is to be read by itself."""


def ref_files_after(lines: Iterable[bytes]) -> dict[str, bytes]:
    """Each ref file and its content after these entries, the first ones of the journal. Raises Unexpected."""
    found: dict[str, bytes] = {}
    tables: dict[str, dict[str, Ref]] = {}
    try:
        for key, ref in _refs_after(lines).items():
            file, _, line = key.partition("#")
            if not keys.is_ref(key) or bool(line) != keys.holds_lines(file):
                raise Unexpected(key)
            if line:
                tables.setdefault(file, {})[line] = ref
            else:
                found[file] = ref_files.encode(file, ref)
        return found | {file: ref_files.encode_table(file, table) for file, table in tables.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MregError) as error:
        raise Unexpected(str(error)) from None


def _refs_after(lines: Iterable[bytes]) -> dict[str, Ref]:
    """In order of creation."""
    found: dict[str, Ref] = {}
    for seq, line in enumerate(lines, 1):
        for key, old, new in _changes(seq, line):
            found[key] = Ref(new, seq, old if new is None else None)
    return found


def _changes(seq: int, line: bytes) -> Any:
    if b"\\u" in line:  # a control character, or half of a surrogate pair, which no text in a sound entry has
        return [list(change) for change in parse(seq, line).changes]
    record = json.loads(line.decode())
    if record["kind"] != "entry" or record["seq"] != seq or record["format"] not in range(FIRST, NEWEST + 1):
        raise Unexpected(f"entry {seq}")
    changes = record["changes"]
    if not all(type(text) in _TEXTS for change in changes for text in change):
        raise Unexpected(f"entry {seq}")
    return changes
