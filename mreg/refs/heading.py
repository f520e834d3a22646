"""The first lines of `config.toml`: which format the repository has, which repository it is, and what its writers
have to respect.

They are told without a TOML parser, so that opening a repository costs none. Everything below them is settings
(`mreg.session.config`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mreg.refs import rules
from mreg.refs.journal import Entry
from mreg.refs.keys import CONFIG, RefKey
from mreg.values import formats
from mreg.values.canonical import parse_digits
from mreg.values.errors import Damaged, Refused
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import has_marks

KNOWN_NEEDS: frozenset[str] = frozenset()
"""The words that may stand in `needs` while this release still writes."""

_NEEDS = re.compile(r'needs = \["[a-z0-9-]+"(?:, "[a-z0-9-]+")*\]').fullmatch


class DamagedConfig(Damaged):
    code = "damaged-config"
    template = "config.toml is damaged: {reason}"


class NeedsNewer(Refused):
    """What the repository says can be read; who does not know the rules that it asks for must not write."""

    code = "needs-newer"
    template = "writers of this repository must support {word!r}, which this release of mreg does not"

    word: str


class Heading(NamedTuple):
    """format: its number. id: 32 hex digits, the same in copies. needs: words that a writer has to know."""

    format: int
    id: str
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        needs = f"needs = [{', '.join(map(_quoted, self.needs))}]\n" if self.needs else ""
        return f'format = {self.format}\nid = "{self.id}"\n{needs}'

    def check_writable(self) -> None:
        """Raises NeedsNewer."""
        for word in self.needs:
            if word not in KNOWN_NEEDS:
                raise NeedsNewer(word=word)


def parse(text: str) -> tuple[Heading, str]:
    """The heading, and the settings below it. Raises DamagedConfig, NewerFormat."""
    first, second, third = (*text.split("\n", 3), "", "", "")[:3]
    number = parse_digits(first.removeprefix("format = "))
    name = second.removeprefix('id = "').removesuffix('"')
    if number is None or not first.startswith("format = "):
        raise DamagedConfig(reason="its first line does not state the format")
    if number > formats.NEWEST:  # before anything else: a newer format may have moved all the rest
        raise formats.newer("the repository", number)
    if number < formats.FIRST or str(number) != first.removeprefix("format = "):
        raise DamagedConfig(reason="its first line states a format that never existed")
    if second == name or not (len(name) == 32 and name.isalnum()):
        raise DamagedConfig(reason="its second line does not state the repository's id")
    heading = Heading(number, name, _needs(third) if number > 1 and third.startswith("needs = ") else ())
    return heading, text[len(str(heading)) :]


def of(config: str | None) -> Heading:
    """The heading of the config, which is a ref's value. Raises DamagedConfig, NewerFormat."""
    if config is None:
        raise DamagedConfig(reason="it is missing")
    return parse(config)[0]


def as_made(origin: str, first: Entry | None, otherwise: int) -> str:
    """The config as `init` wrote it, which no entry says: the format is told by the first entry, and by nothing where
    there is none (`otherwise`)."""
    if first is None:
        return str(Heading(otherwise, origin))
    before = next((change.old for change in first.changes if change.ref == CONFIG), None)
    return before if before is not None else str(Heading(first.format, origin))


def with_settings(now: str | None, *others: str | None) -> list[str]:
    """These texts of the config, each with the heading that `now` has. Raises ValueError where their own headings
    differ in more than the id; DamagedConfig, NewerFormat."""
    parts = [parse(other or "") for other in others]
    if len({(head.format, head.needs) for head, _ in parts}) > 1:
        raise ValueError("one of them raises the format")
    return [f"{of(now)}{settings}" for _, settings in parts]


def check_names(config: str | None, names: Iterable[str]) -> None:
    """Raises NeedsFormat where a repository with this config cannot hold one of the names: those of format 1 are
    ASCII."""
    for name in names:
        if not name.isascii():
            formats.require(f"the name {name!r}", 2, of(config).format)


def check_refs(config: str | None, refs: Iterable[tuple[RefKey, str | None]]) -> None:
    """Raises NeedsFormat where a repository with this config cannot hold one of these refs, with this value."""
    for key, value in refs:
        what = rules.of_format_2(key, value)
        if what:
            formats.require(what, 2, of(config).format)


def check_tags(config: str | None, tags: Iterable[str]) -> None:
    """Raises NeedsFormat where a repository with this config cannot hold one of the tags."""
    for tag in tags:
        if has_marks(tag):
            formats.require(f"the tag {tag!r}", 2, of(config).format)


def _needs(line: str) -> tuple[str, ...]:
    words = tuple(line.removeprefix("needs = ")[2:-2].split('", "'))
    if not _NEEDS(line) or list(words) != sorted(set(words)):
        raise DamagedConfig(reason="its third line does not state what writers need to know")
    return words


def _quoted(word: str) -> str:
    return f'"{word}"'
