"""Names, aliases, tags and references: the grammar, and nothing else.

    REFERENCE := [REMOTE/]NAME[:SELECTOR]
    SELECTOR  := vN | ALIAS | latest | @DIGEST-PREFIX

Names are folder and file names in a repository that may be copied to any file system, so what some
system cannot hold (Windows device names, a trailing dot) is refused on all.
"""

from __future__ import annotations

from typing import NamedTuple

from mreg import lazy
from mreg.values.digest import HEX_LENGTH, MIN_PREFIX, is_hex
from mreg.values.errors import InvalidInput

MAX_LENGTH = 128
LATEST = "latest"

_ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
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
    """`text` itself where it may name an artifact, a model, a run or a remote; else raises InvalidName."""
    reason = _fault(text)
    if reason:
        raise InvalidName(text=text, kind=kind, reason=reason)
    return text


def is_name(text: str) -> bool:
    """May `text` name an artifact, a model, a run or a remote?"""
    return _fault(text) is None


def check_alias(text: str) -> str:
    """`text` itself where it may be an alias; else raises InvalidName."""
    check_name(text, "alias")
    lower = text.lower()
    if lower == LATEST:
        raise InvalidName(text=text, kind="alias", reason="`latest` always means the highest version")
    if lower[0] == "v" and lower[1:].isdigit():
        raise InvalidName(text=text, kind="alias", reason="v and digits always means a version number")
    return text


def check_tag(text: str) -> str:
    """`text` itself where it may be a tag: words of letters, digits, `_`, `-`, with single spaces between."""
    words = text.split(" ")
    plain = all(word and all(c.isalnum() or c in "_-" for c in word) for word in words)
    if not plain:
        reason = "use words of letters, digits, `_` and `-`, with single spaces between them"
        raise InvalidTag(text=text, kind="tag", reason=reason)
    if len(text) > MAX_LENGTH:
        raise InvalidTag(text=text, kind="tag", reason=f"longer than {MAX_LENGTH} characters")
    return text


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
    rest, colon, selector = text.partition(":")
    remote, slash, name = rest.rpartition("/")
    if slash:
        check_name(remote, "remote name")
    if not name:
        raise InvalidReference(text=text, reason="it names nothing; write NAME or NAME:VERSION")
    check_name(name)
    if colon and not selector:
        raise InvalidReference(text=text, reason="nothing stands after the colon")
    return Reference(name, _parse_selector(text, selector), remote if slash else None)


def parse_exact(text: str, reason: str) -> Reference:
    """As `parse_reference`, but a bare name is refused with `reason`: deleting wants to be told what."""
    reference = parse_reference(text)
    if ":" not in text:
        raise InvalidReference(text=text, reason=reason)
    return reference


def near(word: str, words: list[str]) -> list[str]:
    """Those of `words` that somebody who typed `word` may have meant, best first."""
    folded = {candidate.lower(): candidate for candidate in reversed(words)}
    return [folded[match] for match in lazy.difflib.get_close_matches(word.lower(), list(folded), n=3, cutoff=0.6)]


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
        raise InvalidReference(text=text, reason="a version is a small v and a number without leading zeros")
    return Selector(alias=check_alias(selector))


def _fault(text: str) -> str | None:
    """Why `text` cannot be a name, or None."""
    if not text:
        return "it is empty"
    if len(text) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH} characters"
    if text.strip(_ALLOWED):
        return "use only letters A-Z a-z, digits, `.`, `_` and `-`"
    if text[0] in ".-":
        return f"it starts with `{text[0]}`"
    if text[-1] == ".":
        return "it ends with a dot"
    if text.lower().endswith(".lock"):
        return "it ends in `.lock`"
    if text.lower().partition(".")[0] in _DEVICES:
        return "Windows reserves this name for a device"
    return None
