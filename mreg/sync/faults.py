"""Why versions cannot travel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mreg.session.context import Context
from mreg.session.remotes import DamagedThere
from mreg.storage.bundle_file import BundleFile, DamagedBundle
from mreg.values.errors import Conflict, Damaged, InvalidInput, Refused


class SameRepository(InvalidInput):
    code = "same-repository"
    template = "{location} is this repository itself"

    location: str


@contextmanager
def reading(context: Context, *, own: bool) -> Iterator[None]:
    """What is found damaged meanwhile is told as that of this repository, unless it is the user's own, or the error
    names it."""
    try:
        yield
    except Damaged as error:
        if own or {"location", "path"} & error.facts.keys():
            raise
        if isinstance(context.storage, BundleFile):
            raise DamagedBundle(path=context.location, reason=str(error)) from error
        raise DamagedThere(location=context.location, reason=str(error)) from error


def shows(context: Context, error: Damaged) -> bool:
    """Is it this repository in which such a ref, or the journal, is damaged?"""
    try:
        if "ref" in error.facts:
            context.view().ref(error.facts["ref"])
        else:
            for _ in context.journal.whole():
                pass
    except Damaged:
        return True
    return False


class NumbersTaken(Refused):
    """taken: the numbers that mean something else there."""

    code = "numbers-taken"
    template = "at {location}, these numbers belong to other versions: {names}"

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
    template = "alias '{name}' was moved at {location}, and is at {found} there"

    name: str
    location: str
    found: str


class UnknownTravelAlias(InvalidInput):
    code = "alias-stays"
    template = "no chosen version has the alias {alias!r}"

    alias: str


class UnknownTravelName(InvalidInput):
    """Another name was given for a collection of which nothing travels."""

    code = "name-stays"
    template = "nothing of {name!r} was chosen, so it needs no other name"

    name: str
    near: Sequence[str]


class NameUnfit(Refused):
    """origin: what this side calls it. proposed: a name that would do there."""

    code = "name-unfit"
    template = "the name {name!r} cannot be used at {location}: {reason}"

    name: str
    location: str
    reason: str
    origin: str
    proposed: str


class TargetChanged(Conflict):
    """Something was committed on the other side that changes the plan."""

    code = "target-changed"
    template = "{location} changed during the transfer"

    location: str
