"""Which versions that would expire are kept for what they are: the best by a metric, and those that a filter matches.

Judged from the records and annotations that the journal names, never from the lookup tables. These rules only keep:
what cannot be judged stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mreg.content.objects import Objects
from mreg.operations.described import artifact_type, describe
from mreg.operations.resolve import Resolved
from mreg.refs.keys import AnnotationKey, ArtifactKey, RefKey, VersionKey
from mreg.refs.ref_files import Ref
from mreg.values import annotation, names
from mreg.values.directions import MAX, MIN, direction_of
from mreg.values.entities import Version
from mreg.values.errors import InvalidInput
from mreg.values.filters.errors import UnknownKey
from mreg.values.filters.filter import Filter
from mreg.values.filters.tree import tests
from mreg.values.metadata import flatten
from mreg.values.named_tuple import NamedTuple

NAN, INFINITY = "NaN", "Infinity"


class InvalidBest(InvalidInput):
    code = "invalid-best"
    template = "{text!r} does not say which versions are best: {reason}"

    text: str
    reason: str


class Best(NamedTuple):
    """The `most` best versions of each artifact by the number `key`: the highest (`max`) or lowest (`min`)."""

    direction: str
    key: str
    most: int

    def __str__(self) -> str:
        return f"{self.direction}:{self.key}:{self.most}"


def parse_best(text: str, directions: Sequence[str] = ()) -> Best:
    """`max:KEY:N` or `min:KEY:N`; where the setting metrics.direction (`directions`) tells which, `KEY:N`. Raises
    InvalidBest."""
    rest, _, count = text.rpartition(":")
    direction, colon, key = rest.partition(":")
    if not colon or direction not in (MAX, MIN):
        key, direction = rest, direction_of(rest, directions) or ""
    if not key or not (count.isascii() and count.isdecimal()) or not int(count[:9]) > 0:
        raise InvalidBest(text=text, reason="write max:KEY:N or min:KEY:N")
    if not direction:
        raise InvalidBest(text=text, reason=f"write max:{text} or min:{text}, or set metrics.direction")
    return Best(direction, key, int(count[:9]))


def unkept(
    going: Sequence[Resolved],
    refs: Mapping[RefKey, Ref],
    records: Objects,
    best: Sequence[Best],
    where: Sequence[Filter],
) -> list[Resolved]:
    """Those of the versions that no rule keeps. refs: as the whole journal leaves them. Raises UnknownKey where no
    version of their artifacts has a key that a rule names; Damaged, so that nothing expires."""
    if not going or not (best or where):
        return list(going)
    artifacts = {one.artifact for one in going}
    every = [_version(key, ref, refs, records) for key, ref in refs.items() if _lives(key, ref, artifacts)]
    said = {one.name: flatten(one.metadata) for one in every}
    _check_known(said, best, where)
    kept = {name for one in best for name in _best(every, said, one)}
    now = datetime.now(UTC)
    for filter in where:
        kept |= {one.name for one in every if filter.matches(one, now=now) or not _is_judged(said[one.name], filter)}
    return [one for one in going if one.name not in kept]


def _lives(key: RefKey, ref: Ref, artifacts: set[str]) -> bool:
    return isinstance(key, VersionKey) and ref.value is not None and key.artifact in artifacts


def _version(key: RefKey, ref: Ref, refs: Mapping[RefKey, Ref], records: Objects) -> Version:
    """All about a version, but for aliases and links: what these hold does not expire."""
    assert isinstance(key, VersionKey)
    assert ref.value is not None
    record = records.version(ref.value)
    note, of = AnnotationKey(key.artifact, key.number), ArtifactKey(key.artifact)
    said = annotation.effective(record, refs[note].value if note in refs else None, note)
    type_ = artifact_type(key.artifact, refs[of].value if of in refs else None)
    return describe(Resolved(key.artifact, key.number, ref.value), record, said, aliases=(), holders=(), type_=type_)


def _best(every: Iterable[Version], said: Mapping[str, dict[str, Any]], rule: Best) -> Iterator[str]:
    """The best of each artifact, of equal ones the newest; and all that cannot be ranked."""
    ranked: dict[str, list[tuple[float, int, str]]] = {}
    for one in every:
        value = _number(said[one.name].get(rule.key))
        if value is None:
            yield one.name
        else:
            place = value if rule.direction == MAX else -value
            ranked.setdefault(one.artifact, []).append((place, one.number, one.name))
    for some in ranked.values():
        yield from (name for _, _, name in sorted(some, reverse=True)[: rule.most])


def _number(value: Any) -> float | None:
    """The value, if it is a number by which versions can be ranked; an infinity is stored as a text."""
    if value in (INFINITY, f"-{INFINITY}"):
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_judged(said: Mapping[str, Any], filter: Filter) -> bool:
    """Whether the version says all that the filter asks of."""
    return all(said.get(key, NAN) != NAN for key in _keys(filter))


def _keys(filter: Filter) -> set[str]:
    """The keys of metadata in the filter, without those of which it asks itself whether they are there."""
    asked = {test.key.name for test in tests(filter.tree) if test.op == "has"}
    return set(_named(filter)) - asked


def _named(filter: Filter) -> list[str]:
    """All keys of metadata in the filter."""
    return sorted({test.key.name for test in tests(filter.tree) if not test.key.field})


def _check_known(said: Mapping[str, dict[str, Any]], best: Sequence[Best], where: Sequence[Filter]) -> None:
    known = {key for one in said.values() for key in one}
    wanted = [(one.key, str(one), True) for one in best]
    for one in where:
        wanted += [(key, one.text, key in _keys(one)) for key in _named(one)]
    for key, text, is_needed in wanted:
        near = [] if key in known else names.near(key, sorted(known))
        if key not in known and (is_needed or any(names.is_slip(key, other) for other in near)):
            raise UnknownKey(key=key, text=text, at=max(text.find(key), 0), length=len(key), near=near)
