"""Names, aliases, tags and references: the grammar, and nothing else.

    REFERENCE := [REMOTE/]NAME[:SELECTOR]
    SELECTOR  := vN | ALIAS | latest | @DIGEST-PREFIX

Names are folder and file names in a repository that may be copied to any file system, so what some
system cannot hold (Windows device names, a trailing dot) is refused on all. They may be of any script
(docs/format.md, 2.6 to 2.8): what is typed in another form is brought to NFC, so use what the checks return.
"""

from __future__ import annotations

import re

from mreg import lazy, values
from mreg.values.digest import HEX_LENGTH, MIN_PREFIX, is_hex
from mreg.values.errors import InvalidInput, check_text
from mreg.values.named_tuple import NamedTuple

MAX_LENGTH = 128
MAX_BYTES = 200
LATEST = "latest"

_ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_BEGUN = 3
"""Letters with which a name is begun that may be meant."""
_MOST_SLIPS = 2
"""Letters that are wrong in a word that was mistyped."""
_MOST_SHOWN = 3
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


class InvalidName(InvalidInput):
    code = "invalid-name"
    template = "{text!r} is not a valid {kind}: {reason}"

    text: str
    kind: str
    reason: str


class InvalidTag(InvalidName):
    code = "invalid-tag"


class InvalidReference(InvalidInput):
    code = "invalid-reference"
    template = "{text!r} is not a valid reference: {reason}"

    text: str
    reason: str


class PathOfProject(InvalidInput):
    """W&B's `entity/project/name:alias`."""

    code = "path-of-project"
    template = "{text!r} names an entity or a project, but a repository is a single project"

    text: str
    short: str


class Selector(NamedTuple):
    """Exactly one field is set; all unset means `latest`."""

    number: int | None = None
    alias: str | None = None
    prefix: str | None = None

    def __str__(self) -> str:
        if self.number is not None:
            return f"v{self.number}"
        return self.alias or (f"@{self.prefix}" if self.prefix else LATEST)


class Reference(NamedTuple):
    """What a user typed, taken apart; says nothing about what exists."""

    name: str
    selector: Selector = Selector()
    remote: str | None = None

    def __str__(self) -> str:
        remote = f"{self.remote}/" if self.remote else ""
        return f"{remote}{self.name}:{self.selector}"


def check_name(text: str, kind: str = "name") -> str:
    """`text` in NFC where it may name an artifact, a model, a run or a remote; else raises InvalidName."""
    name = composed(text)
    reason = _fault(name)
    parts = name.split("/")
    if len(parts) == 3 and kind != "remote name" and all(map(is_name, parts)):
        raise PathOfProject(text=text, short=parts[-1])
    if reason:
        raise InvalidName(text=text, kind=kind, reason=reason)
    return name


def is_name(text: str) -> bool:
    """Is `text` the name of an artifact, a model, a run or a remote, in NFC?"""
    return _fault(text) is None and is_composed(text)


def check_alias(text: str) -> str:
    """`text` in NFC where it may be an alias; else raises InvalidName."""
    alias = check_name(text, "alias")
    plain = _compatible(alias)
    if plain == LATEST:
        raise InvalidName(text=text, kind="alias", reason="`latest` always means the highest version")
    if plain[0] == "v" and plain[1:].isdecimal():
        raise InvalidName(text=text, kind="alias", reason="v followed by digits always means a version number")
    return alias


def check_tag(text: str) -> str:
    """`text` in NFC where it may be a tag: words of letters, digits, `_`, `-`, with single spaces between."""
    tag = composed(text)
    if not all(word and _is_word(word) for word in tag.split(" ")):
        reason = "use words of letters, digits, `_` and `-`, separated by single spaces"
        raise InvalidTag(text=text, kind="tag", reason=reason)
    if len(tag) > MAX_LENGTH:
        raise InvalidTag(text=text, kind="tag", reason=f"longer than {MAX_LENGTH} characters")
    return tag


def is_tag(text: str) -> bool:
    """May `text` be a tag in a repository? Release 0.1 knew only letters and numbers, by Python's own tables, and in
    any normal form."""
    words = text.split(" ")
    known = all(word and all(c.isalnum() or c in "_-" or has_marks(c) for c in word) for word in words)
    return known and len(text) <= MAX_LENGTH


def has_marks(text: str) -> bool:
    """Does a character of `text` belong to the letter before it? Those were no part of tags in format 1."""
    return not text.isascii() and any(c in values.alphabet.marks for c in text)


def composed(text: str) -> str:
    """`text` in NFC. Bytes of UTF-8 that the locale could not decode (`LC_ALL=C`) are decoded first."""
    check_text(text, "a name or a key")
    text = str.__str__(text)  # an enumeration's own str() is the name of the member
    if text.isascii():
        return text
    return lazy.unicodedata.normalize("NFC", re.sub("[\udc80-\udcff]+", _decoded, text))


def is_composed(text: str) -> bool:
    """Is `text` in NFC?"""
    return text.isascii() or lazy.unicodedata.is_normalized("NFC", text)


def is_beyond_ascii(character: str) -> bool:
    """Is it one of the letters, marks and digits beyond ASCII of which names are made?"""
    return character in values.alphabet.letters or character in values.alphabet.marks


def parse_version(text: str) -> int | None:
    """The N of `vN` in its one canonical form (no leading zeros), else None."""
    digits = text[1:]
    if text[:1] != "v" or not (digits.isascii() and digits.isdigit()) or len(digits) > 15:
        return None
    return int(digits) if digits == "0" or digits[0] != "0" else None


def is_version(text: str) -> bool:
    """Is `text` NAME:vN, the name of a version for ever?"""
    name, _, version = text.partition(":")
    return is_name(name) and parse_version(version) is not None


def parse_reference(text: str) -> Reference:
    """Take a reference apart. Raises InvalidReference or InvalidName, saying which part is wrong."""
    check_text(text, "a reference")
    if "://" in text:
        raise InvalidReference(text=text, reason="it looks like a URL")
    rest, colon, selector = text.partition(":")
    remote, slash, name = rest.rpartition("/")
    if name and len(parts := remote.split("/")) == 2 and all(map(is_name, parts)):
        raise PathOfProject(text=text, short=f"{name}{colon}{selector}")
    if slash:
        remote = check_name(remote, "remote name")
    if not name:
        raise InvalidReference(text=text, reason="it contains no name; write NAME or NAME:VERSION")
    name = check_name(name)
    if colon and not selector:
        raise InvalidReference(text=text, reason="nothing follows the colon")
    return Reference(name, _parse_selector(text, selector), remote if slash else None)


def split_remote(text: str) -> tuple[str | None, str]:
    """The remote that a reference or a name begins with, if there is one, and the rest. Checks neither."""
    head, colon, selector = text.partition(":")
    remote, slash, name = head.rpartition("/")
    return (remote, f"{name}{colon}{selector}") if slash and remote and "/" not in remote else (None, text)


def parse_exact(text: str, reason: str) -> Reference:
    """As `parse_reference`, but a bare name is refused with `reason`: deleting wants to be told what."""
    reference = parse_reference(text)
    if ":" not in text:
        raise InvalidReference(text=text, reason=reason)
    return reference


def near(word: str, words: list[str]) -> list[str]:
    """Those of `words` that somebody who typed `word` may have meant, best first: near by a few letters, or begun."""
    folded = {fold(candidate): candidate for candidate in reversed(words)}
    typed = fold(word)
    found = lazy.difflib.get_close_matches(typed, list(folded), n=3, cutoff=0.6)
    return [folded[match] for match in found if _is_near(typed, match)]


def _is_near(typed: str, known: str) -> bool:
    begun = len(typed) >= _BEGUN and known.startswith(typed)
    return begun or edits(typed, known) <= max(1, len(typed) // 3)


def is_slip(typed: str, known: str) -> bool:
    """Whether it is hardly anything but the known word, mistyped."""
    return edits(fold(typed), fold(known)) <= _MOST_SLIPS


def edits(one: str, other: str) -> int:
    """How many letters have to be added, left out, replaced or exchanged with the next one to make the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for n, letter in enumerate(one, 1):
        above, last = before, row
        row, before = [n], last
        for m, wanted in enumerate(other, 1):
            cost = min(row[m - 1] + 1, last[m] + 1, last[m - 1] + (letter != wanted))
            if n > 1 and m > 1 and letter == other[m - 2] and one[n - 2] == wanted:
                cost = min(cost, above[m - 2] + 1)
            row.append(cost)
    return row[-1]


def look_alikes(word: str, other: str) -> str:
    """The characters in which `word` differs from `other`, with their code points, if it is of another script: the two
    may look the same. Else empty."""
    if _scripts(word) == _scripts(other):
        return ""
    text, strange = word, [c for c in word if not c.isascii() and c not in other]
    if not strange:
        text, strange = other, [c for c in other if not c.isascii() and c not in word]
    shown = ", ".join(code_point(c) for c in dict.fromkeys(strange[:_MOST_SHOWN]))
    return f"{text!r} has {shown}" if shown else ""


def code_point(character: str) -> str:
    """`U+0430 CYRILLIC SMALL LETTER A`"""
    return f"U+{ord(character):04X} {lazy.unicodedata.name(character, '')}".rstrip()


def fold(text: str) -> str:
    """The form under which two names collide on a case-insensitive, normalising file system."""
    if text.isascii():
        return text.lower()
    normalize = lazy.unicodedata.normalize
    return normalize("NFC", normalize("NFC", text).casefold())


def _parse_selector(text: str, selector: str) -> Selector:
    if selector in ("", LATEST):
        return Selector()
    if selector.startswith("@"):
        prefix = selector[1:].lower()
        if not (is_hex(prefix) and MIN_PREFIX <= len(prefix) <= HEX_LENGTH):
            reason = f"a digest prefix is {MIN_PREFIX} to {HEX_LENGTH} hex digits"
            raise InvalidReference(text=text, reason=reason)
        return Selector(prefix=prefix)
    number = parse_version(selector)
    if number is not None:
        return Selector(number=number)
    if selector[0] in "vV" and selector[1:].isdigit():
        raise InvalidReference(text=text, reason="a version is a lowercase v and a number without leading zeros")
    return Selector(alias=check_alias(selector))


def _fault(text: str) -> str | None:
    """Why `text` cannot be a name, or None."""
    if not text:
        return "it is empty"
    if len(text) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH} characters"
    if text.strip(_ALLOWED):
        reason = _fault_beyond_ascii(text)
        if reason:
            return reason
    if text[0] in ".-":
        return f"it starts with `{text[0]}`"
    if text[-1] == ".":
        return "it ends with a dot"
    folded = fold(text)
    if folded.endswith(".lock"):
        return "it ends in `.lock`"
    if folded.partition(".")[0] in _DEVICES:
        return "Windows reserves this name for a device"
    return None


def _fault_beyond_ascii(text: str) -> str | None:
    strange = next((c for c in text if c not in _ALLOWED and not is_beyond_ascii(c)), None)
    if strange is not None:
        shown = f"`{strange}`" if "!" <= strange <= "~" else code_point(strange)
        return f"use only letters, digits, `.`, `_` and `-`, not {shown}"
    if text[0] in values.alphabet.marks:
        return f"it starts with a combining mark, {code_point(text[0])}"
    if len(text.encode()) > MAX_BYTES:
        return f"longer than {MAX_BYTES} bytes in UTF-8"
    return None


def _is_word(text: str) -> bool:
    """May `text` be a word of a tag?"""
    if text.isascii():
        return all(c.isalnum() or c in "_-" for c in text)
    of = values.alphabet
    return text[0] not in of.marks and all(
        c.isalnum() or c in "_-" if c.isascii() else is_beyond_ascii(c) or c in of.numbers for c in text
    )


def _decoded(undecoded: re.Match[str]) -> str:
    return undecoded[0].encode("ascii", "surrogateescape").decode("utf-8", "surrogateescape")


def _compatible(text: str) -> str:
    """`text` without the differences that NFKC and casefold take away: of width, of style, of case."""
    if text.isascii():
        return text.lower()
    normalize = lazy.unicodedata.normalize
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _scripts(text: str) -> set[str]:
    """The scripts of the letters of `text`, as their names begin: LATIN, GREEK."""
    return {lazy.unicodedata.name(c, "").partition(" ")[0] for c in text if c.isalpha()}
