"""Which numbers imported versions get: those of the source where they can be had, else the next ones."""

from __future__ import annotations

from typing import Final

from mreg.refs.keys import VersionKey
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values.digest import is_digest
from mreg.values.records import VersionRecord

MOST_SKIPPED: Final = 1000
"""Numbers that an import passes over at a time: those whose versions are gone at the source."""


class Numbers:
    """Numbers for new versions of an artifact, in order. skipped: those that will never mean anything."""

    def __init__(self, context: Context, view: View, artifact: str) -> None:
        self._context = context
        self._view = view
        self._artifact = artifact
        self.next = self.first = view.next_number(artifact)
        self.skipped: list[int] = []
        self._dead: dict[tuple[str, str | None], dict[str, tuple[int, str]]] | None = None

    def take(self, wanted: int | None) -> int:
        """The wanted number, where none from there on was given, or the next one."""
        if wanted is not None and self.next <= wanted <= self.next + MOST_SKIPPED:
            self.skipped += range(self.next, wanted)
            self.next = wanted
        self.next += 1
        return self.next - 1

    def deleted(self, record: VersionRecord) -> tuple[int, str] | None:
        """The number and digest of a version that is deleted, and that had the same origin and content: it comes back,
        as by undoing its deletion."""
        if record.origin is None:
            return None
        if self._dead is None:
            self._dead = {}
            for number in range(self.first):
                self._note(number)
        return self._dead.get((record.origin.system, record.origin.id), {}).get(record.manifest)

    def _note(self, number: int) -> None:
        ref = self._view.ref(VersionKey(self._artifact, number))
        objects = self._context.objects_at(self._view)
        if ref.value is not None or ref.last is None or not is_digest(ref.last) or not objects.has(ref.last):
            return
        record = self._context.objects.version(ref.last)
        if record.origin is not None and self._dead is not None:
            origin = record.origin.system, record.origin.id
            self._dead.setdefault(origin, {})[record.manifest] = number, ref.last
