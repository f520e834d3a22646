"""Properties: one JSON value under a key, of a collection, a version or a link.

A key is any text without controls. In the repository it is the start of a line, so what could end it there is written
as `%XX` for each byte of its UTF-8. Values are what metadata may hold, as canonical JSON.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

from mreg.values import canonical, names
from mreg.values.canonical import MAX_DEPTH, Malformed, Unstorable, check_depth, check_metadata, is_unicode
from mreg.values.errors import InvalidInput

MAX_KEY: Final = 250
MAX_VALUE: Final = 1 << 20
MAX_TABLE: Final = 64 << 20
"""Bytes of a file of properties or attachments, deleted ones included."""

_PLAIN: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:"
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
"""General categories Cc and Cf of Unicode 14."""
_LONGEST: Final = 12 * MAX_KEY
"""Of a key as it is written: four bytes a character, three characters a byte."""
_KEPT: Final = 4096
"""Keys that are not understood anew each time: the same few stand on tens of thousands of versions."""
_ESCAPED = re.compile("(?:%[0-9A-F]{2})+")


class InvalidProperty(InvalidInput):
    code = "invalid-property"
    template = "property {key!r}: {reason}"

    key: str
    reason: str


def check_key(text: str) -> str:
    """`text` in NFC where it may be the key of a property; else raises InvalidProperty."""
    key = names.composed(text)
    reason = _fault_of_key(key)
    if reason:
        raise InvalidProperty(key=text, reason=reason)
    return key


@lru_cache(maxsize=_KEPT)
def escape(key: str) -> str:
    """The key as it stands in the repository."""
    return "".join(c if _is_plain(c) else "".join(f"%{byte:02X}" for byte in c.encode()) for c in key)


def unescape(line: str) -> str | None:
    """The key that is written so, None where none is."""
    return _unescaped(line) if len(line) <= _LONGEST else None  # nothing longer is kept in memory


@lru_cache(maxsize=_KEPT)
def _unescaped(line: str) -> str | None:
    try:
        key = _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(), line)
    except UnicodeDecodeError:
        return None
    is_written_so = _fault_of_key(key) is None and names.is_composed(key) and escape(key) == line
    return key if is_written_so else None


def encode(key: str, value: Any) -> str:
    """The value, made plain by `metadata.normalise`, as it stands in the repository. Raises InvalidProperty."""
    text = canonical.dumps(value, what="a property").decode()
    if _is_large(text):
        raise InvalidProperty(key=key, reason=f"the value is larger than {MAX_VALUE >> 20} MiB")
    return text


def decode(text: str) -> Any:
    """The value that is written so. Raises Malformed."""
    if _is_large(text):
        raise Malformed(f"it is larger than {MAX_VALUE >> 20} MiB")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("it is not JSON") from None
    check_depth([value], MAX_DEPTH)
    check_metadata(value)
    if not _is_canonical(value, text):
        raise Malformed("it is not in canonical form")
    return value


def fault(text: str) -> str | None:
    """Why a property may not have this value, or None."""
    try:
        decode(text)
    except Malformed as error:
        return str(error)
    return None


def _is_canonical(value: Any, text: str) -> bool:
    try:
        return canonical.dumps(value).decode() == text
    except Unstorable:  # half a surrogate pair, which JSON can say
        return False


def _fault_of_key(key: str) -> str | None:
    if not key:
        return "the key is empty"
    if len(key) > MAX_KEY:
        return f"the key is longer than {MAX_KEY} characters"
    if not is_unicode(key):
        return "the key is not valid Unicode"
    control = _CONTROLS.search(key)
    return f"the key contains a control character, {names.code_point(control[0])}" if control else None


def _is_plain(character: str) -> bool:
    return character in _PLAIN or (not character.isascii() and names.is_beyond_ascii(character))


def _is_large(text: str) -> bool:
    return len(text) > MAX_VALUE or len(text.encode("utf-8", "replace")) > MAX_VALUE
