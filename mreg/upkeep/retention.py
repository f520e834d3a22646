"""Retention: which versions a policy lets expire.

Decided from the journal alone, which is the truth about refs: neither the lookup tables, which are disposable, nor a
ref file that was lost may let a version go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from mreg.operations.resolve import Resolved
from mreg.refs.journal import Entry
from mreg.session.config import age_text
from mreg.values.names import parse_version


class Policy(NamedTuple):
    """A version expires that is not among the last `keep_last` of its artifact, and older than `older_than` seconds.
    0: no such condition; with neither nothing expires."""

    keep_last: int = 0
    older_than: float = 0.0

    @property
    def words(self) -> str:
        """As the command line has it, with a blank in front."""
        text = f" --keep-last {self.keep_last}" if self.keep_last > 0 else ""
        return f"{text} --older-than {age_text(self.older_than)}" if self.older_than > 0 else text


class _Refs(NamedTuple):
    """Refs as the journal has them. versions: by artifact and number, each the digest and the entry that set it.
    aliased: pairs of collection and number. linked: digests."""

    versions: dict[str, dict[int, tuple[str, int]]]
    aliased: set[tuple[str, int]]
    linked: set[str]


def expired(entries: Iterable[Entry], policy: Policy, age: Callable[[int], float]) -> list[Resolved]:
    """The versions that the policy lets go, after these entries, which are the whole journal; never the latest of an
    artifact, nor what an alias or a link holds.

    age: of an entry of this number, in seconds. A version is as old as the entry that gave it its name: a log, a
    rename, or an undo, so that what was brought back does not expire at once.
    """
    if not policy.words:
        return []
    refs = _refs(entries)
    found = []
    for artifact, versions in sorted(refs.versions.items()):
        for number in sorted(versions)[: -max(policy.keep_last, 1)]:
            digest, seq = versions[number]
            if (artifact, number) in refs.aliased or digest in refs.linked:
                continue
            if policy.older_than <= 0 or age(seq) > policy.older_than:
                found.append(Resolved(artifact, number, digest))
    return found


def _refs(entries: Iterable[Entry]) -> _Refs:
    now = {change.ref: (change.new, entry.seq) for entry in entries for change in entry.changes}
    refs = _Refs(defaultdict(dict), set(), set())
    for key, (value, seq) in now.items():
        if value is None:
            continue
        folder, name, last = (*key.split("/"), "", "")[:3]
        number = parse_version(last)
        if folder == "artifacts" and number is not None:
            refs.versions[name][number] = (value, seq)
        elif folder == "aliases":
            refs.aliased.add((name, parse_version(value) or 0))
        elif folder == "registered" and "#" in last:
            refs.linked.add(value.rpartition(" ")[2])
    return refs
