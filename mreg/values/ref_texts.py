"""What the values of links and of reserved numbers look like, as text. What they mean: `mreg.refs.rules`."""

from __future__ import annotations

from typing import Final

from mreg.values.digest import is_digest
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import is_name, parse_version

_RESERVED: Final = "reserved"


class LinkTarget(NamedTuple):
    """The value of a link: a version, and the digest of its record."""

    artifact: str
    number: int
    digest: str

    @property
    def version(self) -> str:
        """`artifact:vN`"""
        return f"{self.artifact}:v{self.number}"

    def __str__(self) -> str:
        return f"{self.version} {self.digest}"


class Reserved(NamedTuple):
    """What the number of a version or link is kept for: the version record of this digest, or nothing."""

    digest: str | None

    def __str__(self) -> str:
        return _RESERVED if self.digest is None else f"{_RESERVED} {self.digest}"


def parse_link(value: str) -> LinkTarget | None:
    """The target in a link's value, or None if the value is malformed."""
    version, _, digest = value.partition(" ")
    artifact, _, selector = version.partition(":")
    number = parse_version(selector)
    if number is None or not is_digest(digest) or not is_name(artifact):
        return None
    return LinkTarget(artifact, number, digest)


def parse_reserved(value: str) -> Reserved | None:
    """What a number is kept for, or None if this is not the value of a reserved number."""
    word, _, digest = value.partition(" ")
    found = Reserved(digest or None)
    return found if word == _RESERVED and str(found) == value and (not digest or is_digest(digest)) else None
