"""Where aliases were on both sides when they last agreed, as this user has seen it: a small file in the cache.

It says of each side which entry had moved the alias last. If it is lost, the journals have to tell who has gone on from
whom (`sync/past.py`), which refuses more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from mreg import lazy
from mreg.refs.keys import AliasKey
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.small_files import make_folders, regular
from mreg.storage.temporary import replace_file


class Seen:
    """Of two repositories."""

    def __init__(self, one: Context, other: Context, cache: str | None) -> None:
        ids = "-".join(sorted((one.origin, other.origin)))
        self._file = cache and os.path.join(cache, "seen", f"{ids}.json")
        self._said: dict[str, dict[str, int]] = self._read()

    def is_unmoved(self, side: Context, key: AliasKey, seq: int) -> bool:
        """Whether entry `seq`, the last that moved this alias of that side, is the one that was seen."""
        return self._said.get(side.origin, {}).get(str(key)) == seq

    def note(self, side: Context, view: View, aliases: Iterable[AliasKey]) -> None:
        """They are seen now."""
        said = self._said.setdefault(side.origin, {})
        said |= {str(key): view.ref(key).seq for key in aliases}

    def save(self) -> None:
        """A cache that is full or read-only costs what this module is for, and nothing else."""
        if self._file is None:
            return
        with suppress(OSError):
            make_folders(os.path.dirname(self._file))
            replace_file(self._file, lazy.json.dumps(self._said).encode(), durable=False)

    def _read(self) -> dict[str, Any]:
        try:
            with open(self._file or "", encoding="utf-8", opener=regular) as file:
                said = lazy.json.load(file)
            return {side: dict(keys) for side, keys in said.items()}
        except (OSError, ValueError, AttributeError, TypeError, RecursionError):
            return {}
