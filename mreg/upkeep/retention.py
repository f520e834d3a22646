"""Retention: which versions expire, by the policy of the repository or of their artifact, or by an expiry of their own,
and which of them are kept for what they are (`mreg.upkeep.quality`).

Decided from the journal alone, which is the truth about refs: neither the disposable lookup tables nor a lost ref file
may let a version expire.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mreg.content.objects import Objects
from mreg.operations import expiry, policies
from mreg.operations.expiry import DamagedPolicy
from mreg.operations.resolve import Resolved
from mreg.refs.keys import AliasKey, ArtifactKey, LinkKey, PropertyKey, RefKey, VersionKey
from mreg.refs.ref_files import Ref
from mreg.refs.rules import needs, root
from mreg.upkeep.quality import Best, InvalidBest, parse_best, unkept
from mreg.values.ages import age_text, parse_seconds
from mreg.values.filters.filter import Filter
from mreg.values.named_tuple import NamedTuple

REPOSITORY: Final = "repository"
ARTIFACT: Final = "artifact"
TTL: Final = "ttl"
"""What lets a version expire: the policy of all artifacts, that of its own artifact, or its own expiry."""


class Policy(NamedTuple):
    """A version expires if it is not among the last `keep_last` of its artifact, and older than `older_than` seconds.
    0: no such condition; without either, nothing expires. keep_best, keep_where: what is kept all the same
    (`mreg.upkeep.quality`). directions: which values of metrics are better, where a rule does not say it."""

    keep_last: int = 0
    older_than: float = 0.0
    keep_best: tuple[Best, ...] = ()
    keep_where: tuple[Filter, ...] = ()
    directions: tuple[str, ...] = ()

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


class Policies(NamedTuple):
    """The policy of the repository, those of artifacts that have settings of their own, and the expiries of single
    versions: seconds, and the entry from which they count."""

    common: Policy
    own: Mapping[str, Policy]
    ttls: Mapping[VersionKey, tuple[float, int]]

    def of(self, artifact: str) -> Policy:
        """The policy that counts for the artifact."""
        return self.own.get(artifact, self.common)

    @property
    def expires(self) -> bool:
        """Whether anything can expire by them."""
        return bool(self.common.expires or self.ttls or any(one.expires for one in self.own.values()))


def policies_of(refs: Mapping[RefKey, Ref], common: Policy) -> Policies:
    """What artifacts and versions say themselves, beside `common`. Raises DamagedPolicy where one of them cannot be
    followed: then nothing may expire."""
    said: dict[str, dict[str, Any]] = defaultdict(dict)
    ttls: dict[VersionKey, tuple[float, int]] = {}
    for key, ref in refs.items():
        if not isinstance(key, PropertyKey) or ref.value is None:
            continue
        if isinstance(key.owner, ArtifactKey) and key.name.startswith(policies.PREFIX):
            said[key.owner.name][key.name] = policies.value_of(key, ref.value)
        elif isinstance(key.owner, VersionKey) and key.name == expiry.TTL:
            ttls[key.owner] = expiry.seconds_of(key, ref.value), ref.seq
    return Policies(common, {artifact: _own(artifact, some, common) for artifact, some in said.items()}, ttls)


def _own(artifact: str, said: Mapping[str, Any], common: Policy) -> Policy:
    """The policy of an artifact that has these settings; the others are as in the repository."""
    policy = common
    for key, value in said.items():
        match key.removeprefix(policies.PREFIX):
            case "keep-last":
                policy = policy._replace(keep_last=value)
            case "older-than":
                policy = policy._replace(older_than=parse_seconds(value))
            case "keep-where":
                policy = policy._replace(keep_where=(Filter(value),) if value else ())
            case "keep-best":
                policy = policy._replace(keep_best=_bests(artifact, key, value, common.directions))
    return policy


def _bests(artifact: str, key: str, rules: Sequence[str], directions: Sequence[str]) -> tuple[Best, ...]:
    try:
        return tuple(parse_best(rule, directions) for rule in rules)
    except InvalidBest as error:
        raise DamagedPolicy(owner=artifact, key=key, reason=str(error)) from None


def decided(
    refs: Mapping[RefKey, Ref], records: Objects, policy: Policy, age: Callable[[int], float]
) -> dict[Resolved, str]:
    """The versions that expire, each with what lets it: those of `expired` that no rule keeps. Raises UnknownKey,
    Damaged: then nothing expires."""
    said = policies_of(refs, policy)
    going = expired(refs, said, age)
    groups: dict[tuple[object, ...], list[Resolved]] = defaultdict(list)
    for one in going:
        rules = said.of(one.artifact)
        groups[(rules.keep_best, tuple(filter.text for filter in rules.keep_where))].append(one)
    left: set[Resolved] = set()
    for some in groups.values():
        rules = said.of(some[0].artifact)
        left.update(unkept(some, refs, records, rules.keep_best, rules.keep_where))
    return {one: why for one, why in going.items() if one in left}


def expired(refs: Mapping[RefKey, Ref], said: Policies, age: Callable[[int], float]) -> dict[Resolved, str]:
    """The versions that may expire, each with what lets it; never one that an alias or a link holds, and the latest of
    an artifact only if it has an expiry of its own.

    refs: as the whole journal leaves them. age: gives the age of entry N in seconds. A version is as old as the entry
    that gave it its name: a log, a rename, or an undo, so that what was brought back does not expire at once.
    """
    if not said.expires:
        return {}
    held = _held(refs)
    found = {}
    for artifact, some in sorted(_versions(refs).items()):
        policy = said.of(artifact)
        by_policy = ARTIFACT if artifact in said.own else REPOSITORY
        beyond = set(some[: -max(policy.keep_last, 1)]) if policy.expires else set()
        for key in some:
            digest, seq, _ = refs[key]
            if digest is None or key in held or digest in held:
                continue
            ttl, begun = said.ttls.get(key, (0.0, 0))
            if ttl and age(begun) > ttl:
                found[Resolved(artifact, key.number, digest)] = TTL
            elif key in beyond and (policy.older_than <= 0 or age(seq) > policy.older_than):
                found[Resolved(artifact, key.number, digest)] = by_policy
    return found


def _versions(refs: Mapping[RefKey, Ref]) -> dict[str, list[VersionKey]]:
    """The live versions of each artifact, in ascending order."""
    found: dict[str, list[VersionKey]] = defaultdict(list)
    for key, ref in refs.items():
        if isinstance(key, VersionKey) and ref.value is not None:
            found[key.artifact].append(key)
    return {artifact: sorted(some, key=lambda key: key.number) for artifact, some in found.items()}


def _held(refs: Mapping[RefKey, Ref]) -> set[str]:
    """The versions that aliases and links name: their keys, and the digests of their records."""
    held: set[str] = set()
    for key, ref in refs.items():
        if isinstance(key, (AliasKey, LinkKey)) and ref.value is not None:
            held.update(one for need in needs(key, ref.value) for one in need.keys)
            held.update(one.digest for one in (root(key, ref.value),) if one)
    return held
