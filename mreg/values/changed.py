"""What a change moved, as the Python API tells it."""

from __future__ import annotations

from typing import Any

from mreg.values.named_tuple import NamedTuple

__all__ = ["Changed", "Detail", "RefChange"]


class Detail(NamedTuple):
    """What differs within a ref that holds several things: a dotted metadata key, "message", "inputs", "sources",
    "tags", "description", "type", or a setting. None: it is not there."""

    what: str
    old: Any
    new: Any


class RefChange(NamedTuple):
    """One ref that a change moved, from `old` to `new`, as the journal has them (None: absent).

    kind: "artifact", "model", "version", "annotation", "card", "link", "alias", "property", "attachment", "use"
    (of a version by a run) or "settings". name: what people call it, such as `digits:production`, or `mnist:v3#owner`
    of a property.
    version: the artifact's version that the ref means, or meant if it is gone. details: what differs within it, where
    it was there before and is there now; in the history, of a new version, its message.
    """

    ref: str
    old: str | None
    new: str | None
    kind: str
    name: str
    version: str | None = None
    details: tuple[Detail, ...] = ()


class Changed(NamedTuple):
    """What a method changed: the refs, and the number of the journal entry, which `undo` takes back. `seq` is None for
    a step of a change that is not committed yet. False if nothing had to change."""

    seq: int | None
    changes: tuple[RefChange, ...]

    def __bool__(self) -> bool:
        return self.seq is not None or bool(self.changes)
