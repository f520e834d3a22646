"""Canonical JSON: one value, one byte string, one digest.

Keys sorted, no white space, UTF-8 unescaped, no NaN or infinities, floats as Python's shortest
round-trip form. Reading is bounded, because what is read may come from an untrusted repository.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from mreg import lazy
from mreg.values.errors import InvalidInput
from mreg.values.formats import FIRST, NEWEST

MAX_BYTES = 64 << 20
MAX_DEPTH = 32
MAX_INTEGER = 1 << 53
MAX_NUMBER = 1 << 63
"""Integers in metadata lie between the negative of this and this."""


class Malformed(ValueError):
    """The bytes are not what the format allows. Callers say of which object."""


class Newer(Malformed):
    """The bytes may be what a format allows that this release does not know."""

    def __init__(self, kind: str, found: int) -> None:
        super().__init__(f"{kind} format {found} is unknown")
        self.found = found


class Unstorable(InvalidInput):
    """What is written must be readable again, so it is refused by the same limits."""

    code = "unstorable"
    template = "this value cannot be stored: {reason}"

    reason: str


def dumps(value: Any, limit: int | None = None, what: str = "it") -> bytes:
    """The canonical bytes of `value` (dicts with string keys, lists, str, int, float, bool, None).

    Raises Unstorable for half a surrogate pair (a byte that was no UTF-8), and for more bytes than `limit` (default:
    MAX_BYTES); `what` is then said to be too large.
    """
    limit = MAX_BYTES if limit is None else limit
    text = _ENCODER.encode(value)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        error = Unstorable(reason=f"'{_wrong_word(value)}' is not valid Unicode")
        error.facts["hint"] = "write it in UTF-8; for a file, rename it or the folder that it is in"
        raise error from None
    if len(data) > limit:
        raise Unstorable(reason=f"{what} is larger than {limit >> 20} MiB")
    return data


def _wrong_word(value: Any) -> str:
    """What is not Unicode in a value: enough of it to be recognized in a long text."""
    wrong = next(text for text in _strings(value) if not is_unicode(text))
    return next(word for word in wrong.replace('"', " ").split() if not is_unicode(word))


def _strings(value: Any) -> Iterator[str]:
    """All that stand in a value, its keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from (key, *_strings(member))
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _strings(member)


def same(one: Any, other: Any) -> bool:
    """Whether both are one value: 1, 1.0 and true are three, which Python calls equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def check_written(to_bytes: Callable[[], bytes], data: bytes) -> None:
    """Raises Malformed unless `data`, from which a record was parsed, is its one canonical form, as `to_bytes` of the
    record gives it: so nothing unknown, given twice, or out of range (an infinity) can hide in it."""
    try:
        same = to_bytes() == data
    except (Unstorable, ValueError):
        same = False
    if not same:
        raise Malformed("it is not in canonical form")


def parse_digits(text: str) -> int | None:
    """The number that up to 16 decimal digits state, else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def loads(data: bytes, limit: int | None = None) -> dict[str, Any]:
    """The JSON object in `data`. Raises Malformed for anything larger than `limit` (default: MAX_BYTES), too deep or
    not an object."""
    limit = MAX_BYTES if limit is None else limit
    if len(data) > limit:
        raise Malformed(f"larger than {limit} bytes")
    if not data:
        raise Malformed("it is empty")
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError among them
        raise Malformed(fault_of_text(error)) from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH:  # most are flat, and looking through them takes a while
        check_depth(value)
    return value


def fault_of_text(error: ValueError) -> str:
    """What a parser of JSON or TOML found. Python's own words about a number of thousands of digits advise to change
    the program."""
    return "a number in it has too many digits" if type(error) is ValueError else str(error)


def check_depth(value: object, depth: int = MAX_DEPTH) -> None:
    """Raises Malformed where `value` nests deeper than `depth`."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            if depth <= 1:
                raise Malformed("nested too deeply")
            check_depth(child, depth - 1)


def check_metadata(value: object) -> None:
    """Raises Malformed for what metadata never holds: null, infinities, dates (which TOML has), and integers that no
    float can hold, of which Python refuses to write the longest."""
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise Malformed("an integer has more than 64 bits")
    if not isinstance(value, str | int | float | list | dict) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise Malformed(
            f"{'null' if value is None else value!s} is not a string, finite number, boolean, array or object"
        )
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_metadata(child)


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can say it: what Python makes of bytes that are not UTF-8 holds halves of surrogate pairs."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _no_constants(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")


# Made once: `json.dumps` and `json.loads` make one for each value, where any option is given.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER: Final = json.JSONDecoder(parse_constant=_no_constants)


def take(record: dict[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    """`record[key]`, which must be there and of `kind`. A boolean never passes for a number."""
    value = record.get(key)
    if key not in record or not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise Malformed(f"{key!r} is missing or of the wrong type")
    return value


def take_format(record: dict[str, Any], kind: str) -> int:
    """The number of the format of this record, which must be of `kind`. Raises Newer where it is not known yet."""
    found = record.get("format")
    if record.get("kind") != kind or type(found) is not int or found < FIRST:
        raise Malformed(f"not a record of kind {kind}")
    if found > NEWEST:
        raise Newer(kind, found)
    return found


def take_count(record: dict[str, Any], key: str) -> int:
    """`record[key]`, an integer from 0 to 2**53."""
    value = take(record, key, int)
    if not 0 <= value <= MAX_INTEGER:
        raise Malformed(f"{key!r} is out of range")
    return int(value)


def take_time(record: dict[str, Any], key: str) -> str:
    """`record[key]`, a time in the one form that is written: RFC 3339 in UTC with microseconds."""
    text = str(take(record, key, str))
    try:
        whole = lazy.datetime.datetime.fromisoformat(text).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except ValueError:
        whole = ""
    if text != whole or not text.endswith("Z"):
        raise Malformed(f"{key!r} is not a time in UTC with microseconds")
    return text
