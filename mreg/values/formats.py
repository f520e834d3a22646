"""The formats of repositories, and of the entries and records in them: numbers that only grow."""

from __future__ import annotations

from mreg.values.errors import InvalidInput, Refused

FIRST = 1
NEWEST = 2
"""What a new repository gets. Everything from `FIRST` on is read and written."""


class NewerFormat(Refused):
    code = "newer-format"
    template = "{what} has format {found}; this release of mreg reads formats up to {known}"

    what: str
    found: int
    known: int


class NeedsFormat(Refused):
    """Nothing was written: the format is raised by hand."""

    code = "needs-format"
    template = "{what} requires repository format {wanted}; this repository has format {found}"

    what: str
    wanted: int
    found: int


class UnknownFormat(InvalidInput):
    code = "unknown-format"
    template = "there is no repository format {number}; this release of mreg makes {first} to {known}"

    number: int
    first: int
    known: int


def newer(what: str, found: int) -> NewerFormat:
    """The error that says that `what` has a format which this release does not know."""
    return NewerFormat(what=what, found=found, known=NEWEST)


def require(what: str, wanted: int, found: int) -> None:
    """Raises NeedsFormat where a repository of the format `found` cannot hold `what`."""
    if found < wanted:
        raise NeedsFormat(what=what, wanted=wanted, found=found)


def check_known(number: int) -> int:
    """`number` itself where a repository can be made in this format; else raises UnknownFormat."""
    if not FIRST <= number <= NEWEST:
        raise UnknownFormat(number=number, first=FIRST, known=NEWEST)
    return number
