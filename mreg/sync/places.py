"""Which number each version has on the other side.

A number means one content for ever. So a version keeps its number where that is free or kept for it, and the numbers
below it are reserved there for what they mean here; where a number means something else, nothing travels, unless the
versions may be renumbered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from mreg.operations.resolve import Resolved
from mreg.refs import rules
from mreg.refs.keys import LinkKey, RefKey, VersionKey
from mreg.refs.ref_files import Ref
from mreg.refs.view import View, check_pointer
from mreg.sync.request import Request
from mreg.values.named_tuple import NamedTuple
from mreg.values.ref_texts import Reserved

NEW: Final = "new"
THERE: Final = "there"
DELETED: Final = "deleted"
RESTORED: Final = "restored"
ARRIVES: Final = (NEW, RESTORED)
"""States of what is set on the other side."""

_SHOWN: Final = 8


class Place(NamedTuple):
    """Where a version goes: its artifact and number on the other side, and what happens to it there."""

    source: Resolved
    artifact: str
    number: int
    state: str

    @property
    def key(self) -> VersionKey:
        return VersionKey(self.artifact, self.number)

    @property
    def name(self) -> str:
        return self.key.version

    @property
    def arrives(self) -> bool:
        return self.state in ARRIVES


class Placed(NamedTuple):
    """places: of versions whose numbers are not taken. taken: names on the other side that mean something else."""

    places: tuple[Place, ...]
    taken: tuple[str, ...]


def places(view: View, chosen: Sequence[Resolved], request: Request) -> Placed:
    """view: of the other side. chosen: sorted."""
    found: list[Place] = []
    taken: list[str] = []
    for artifact, group in groupby(chosen, lambda one: one.artifact):
        name, versions = request.called(artifact), list(group)
        states = [state(VersionKey(name, one.number), view, one.digest, request.restore) for one in versions]
        if None not in states:
            found += [Place(one, name, one.number, str(at)) for one, at in zip(versions, states, strict=True)]
        elif request.renumber:
            found += _appended(view, name, versions, states)
        else:
            taken += [f"{name}:v{one.number}" for one, at in zip(versions, states, strict=True) if at is None]
    return Placed(tuple(found), tuple(taken))


def _appended(view: View, name: str, versions: list[Resolved], states: list[str | None]) -> Iterator[Place]:
    """In their order, behind all numbers there; what is there already, whatever its number, stays."""
    known = {digest: key.number for key, digest in reversed(view.versions(name).items())}
    end = view.next_number(name)
    for one, at in zip(versions, states, strict=True):
        if one.digest in known:
            yield Place(one, name, known[one.digest], THERE)
        elif at in (DELETED, RESTORED):
            yield Place(one, name, one.number, at)
        else:
            yield Place(one, name, end, NEW)
            end += 1


def state(key: VersionKey | LinkKey, view: View, digest: str, restore: bool) -> str | None:
    """What happens to the number, which is to mean the version record of this digest; None where it means another."""
    ref = view.ref(key)
    if ref.value is not None:
        return THERE if _meant(key, ref.value) == digest else None
    if ref.seq == 0:
        return NEW
    kept = rules.reserved(key, ref.last)
    if kept:
        return NEW if kept.digest == digest else None
    if _meant(key, ref.last) != digest:
        return None
    return RESTORED if restore else DELETED


def gaps(
    first: int, numbers: Mapping[int, object], reserve: Callable[[int], Reserved], end: int = 0
) -> dict[int, Reserved]:
    """What the numbers between are kept for. first: that would be given next. numbers: those that are set. end: up to
    this one too."""
    stop = max(end, max(numbers, default=-1))
    return {number: reserve(number) for number in range(first, stop) if number not in numbers}


def meant(key: VersionKey | LinkKey, ref: Ref) -> Reserved:
    """What this number of the source is kept for on the other side. Raises DamagedRef."""
    if ref.value is not None:
        check_pointer(key, ref.value)  # a number that is kept for nothing would stay so
    return rules.reserved(key, ref.last) or Reserved(_meant(key, ref.value if ref.value is not None else ref.last))


def _meant(key: RefKey, value: str | None) -> str | None:
    """The digest of the version record that the number means or meant."""
    root = rules.root(key, value)
    return root.digest if root else None


def listed(names: Sequence[str]) -> str:
    """For messages."""
    shown = names if len(names) <= _SHOWN else [*names[:_SHOWN], f"{len(names) - _SHOWN} more"]
    return ", ".join(shown)
