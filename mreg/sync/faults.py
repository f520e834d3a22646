"""Why versions cannot travel."""

from __future__ import annotations

from collections.abc import Sequence

from mreg.values.errors import Conflict, InvalidInput, Refused


class SameRepository(InvalidInput):
    code = "same-repository"
    template = "{location} is this repository itself"

    location: str


class NumbersTaken(Refused):
    """taken: the numbers that mean something else there."""

    code = "numbers-taken"
    template = "at {location} these numbers mean other versions: {names}"

    location: str
    names: str
    taken: Sequence[str]


class AnnotationsDiffer(Refused):
    code = "annotations-differ"
    template = "{what} was changed on both sides, here and at {location}"

    what: str
    location: str


class AliasElsewhere(Refused):
    """Not where this side has ever seen it."""

    code = "alias-elsewhere"
    template = "alias '{name}' was moved at {location}: it is at {found} there"

    name: str
    location: str
    found: str


class UnknownTravelAlias(InvalidInput):
    code = "alias-stays"
    template = "no chosen version has the alias {alias!r}"

    alias: str


class NameUnfit(Refused):
    """proposed: a name that would do."""

    code = "name-unfit"
    template = "{name!r} cannot be called so at {location}: {reason}"

    name: str
    location: str
    reason: str
    proposed: str


class TargetChanged(Conflict):
    """Something was committed on the other side that changes the plan."""

    code = "target-changed"
    template = "{location} changed while the versions travelled"

    location: str
