"""What of a source is not understood: one rule for all importers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from mreg.importers.faults import MalformedSource, NothingToImport
from mreg.importers.words import clipped

_MOST_TOLD: Final = 3
"""Notes in a refusal."""


class Omissions:
    """A part that is not understood (a file of one commit, a run, a version) is left out and named, and the rest is
    imported: nobody can mend the past of a project. Where nothing else is there, the first of them is the refusal.

    Not meant is what shows that the source is not what it says: wrong bytes, and paths that lead elsewhere, are always
    refused.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._told: set[str] = set()
        self._first: MalformedSource | None = None

    @contextmanager
    def left_out(self, part: str) -> Iterator[None]:
        """The block is about this part, and ends where it is not understood."""
        try:
            yield
        except MalformedSource as error:
            self._first = self._first or error
            self.tell(part, error.reason)

    def tell(self, part: str, reason: str) -> None:
        """Note that the part is left out, once."""
        note = f"{part} is left out: {reason}"
        if note not in self._told:
            self._told.add(note)
            self.notes.append(note)

    def refuse(self) -> None:
        """Nothing else was found. Raises MalformedSource, if there was any."""
        if self._first is not None:
            raise self._first


def nothing(source: str, what: str, notes: Sequence[str] = ()) -> NothingToImport:
    """That the source contains nothing of what an importer looks for. what: `no model`. notes: what is left out."""
    more = len(notes) - _MOST_TOLD
    told = [*map(clipped, notes[:_MOST_TOLD]), *([f"{more} more are left out"] if more > 0 else [])]
    return NothingToImport(source=source, what="; ".join([f"{what} that can be imported" if told else what, *told]))
