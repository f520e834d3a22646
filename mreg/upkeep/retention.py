"""Retention: which versions a policy lets expire, before it is looked at how good they are (`mreg.upkeep.quality`).

Decided from the journal alone, which is the truth about refs: neither the disposable lookup tables nor a lost ref file
may let a version expire.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mreg.operations.resolve import Resolved
from mreg.refs.keys import AliasKey, LinkKey, RefKey, VersionKey
from mreg.refs.ref_files import Ref
from mreg.refs.rules import needs, root
from mreg.upkeep.quality import Best
from mreg.values.ages import age_text
from mreg.values.filters.filter import Filter


class Policy(NamedTuple):
    """A version expires if it is not among the last `keep_last` of its artifact, and older than `older_than` seconds.
    0: no such condition; without either, nothing expires. keep_best, keep_where: what is kept all the same
    (`mreg.upkeep.quality`)."""

    keep_last: int = 0
    older_than: float = 0.0
    keep_best: tuple[Best, ...] = ()
    keep_where: tuple[Filter, ...] = ()

    @property
    def expires(self) -> bool:
        """Whether anything can expire by it."""
        return self.keep_last > 0 or self.older_than > 0

    @property
    def words(self) -> str:
        """The policy as options of the command line, with a space in front."""
        if not self.expires:
            return ""
        text = f" --keep-last {self.keep_last}" if self.keep_last > 0 else ""
        text += f" --older-than {age_text(self.older_than)}" if self.older_than > 0 else ""
        text += "".join(f" --keep-best {one}" for one in self.keep_best)
        return text + "".join(f" --keep-where {shlex.quote(one.text)}" for one in self.keep_where)


def expired(refs: Mapping[RefKey, Ref], policy: Policy, age: Callable[[int], float]) -> list[Resolved]:
    """The versions that the policy lets expire; never the latest of an artifact, nor one that an alias or a link holds.

    refs: as the whole journal leaves them. age: gives the age of entry N in seconds. A version is as old as the entry
    that gave it its name: a log, a rename, or an undo, so that what was brought back does not expire at once.
    """
    if not policy.expires:
        return []
    held = _held(refs)
    versions: dict[str, list[VersionKey]] = defaultdict(list)
    for key, ref in refs.items():
        if isinstance(key, VersionKey) and ref.value is not None:
            versions[key.artifact].append(key)
    found = []
    for _, some in sorted(versions.items()):
        for key in sorted(some, key=lambda key: key.number)[: -max(policy.keep_last, 1)]:
            digest, seq, _ = refs[key]
            old_enough = policy.older_than <= 0 or age(seq) > policy.older_than
            if digest is not None and key not in held and digest not in held and old_enough:
                found.append(Resolved(key.artifact, key.number, digest))
    return found


def _held(refs: Mapping[RefKey, Ref]) -> set[str]:
    """The versions that aliases and links name: their keys, and the digests of their records."""
    held: set[str] = set()
    for key, ref in refs.items():
        if isinstance(key, (AliasKey, LinkKey)) and ref.value is not None:
            held.update(one for need in needs(key, ref.value) for one in need.keys)
            held.update(one.digest for one in (root(key, ref.value),) if one)
    return held
