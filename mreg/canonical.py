"""Canonical JSON: one value, one byte string, one digest.

Keys sorted, no white space, UTF-8 unescaped, no NaN or infinities, floats as Python's shortest
round-trip form. Reading is bounded, because what is read may come from an untrusted repository.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from mreg.errors import InvalidInput

MAX_BYTES = 64 << 20
MAX_DEPTH = 32
MAX_INTEGER = 1 << 53


class Malformed(ValueError):
    """The bytes are not what the format allows. Callers say of which object."""


class Unstorable(InvalidInput):
    """What is written must be readable again, so it is refused by the same limits."""

    code = "unstorable"
    template = "this cannot be stored: {reason}"


class Record(Protocol):
    def to_bytes(self) -> bytes: ...


def dumps(value: Any) -> bytes:
    """The canonical bytes of `value` (dicts with string keys, lists, str, int, float, bool, None).

    Raises Unstorable for half a surrogate pair (a byte that was no UTF-8), and for more than MAX_BYTES.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise Unstorable(reason="a text in it is not Unicode") from None
    if len(data) > MAX_BYTES:
        raise Unstorable(reason=f"it is larger than {MAX_BYTES >> 20} MiB")
    return data


def check_written(record: Record, data: bytes) -> None:
    """Raises Malformed unless `data`, from which `record` was parsed, is its one canonical form: so nothing
    unknown, given twice, or out of range (an infinity) can hide in it."""
    try:
        same = record.to_bytes() == data
    except (Unstorable, ValueError):
        same = False
    if not same:
        raise Malformed("it is not in canonical form")


def parse_digits(text: str) -> int | None:
    """The number that up to 16 decimal digits state, else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def loads(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises Malformed for anything too large, too deep or not an object."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"larger than {MAX_BYTES} bytes")
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constants)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError among them
        raise Malformed(str(error)) from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    check_depth(value)
    return value


def check_depth(value: object, depth: int = MAX_DEPTH) -> None:
    """Raises Malformed where `value` nests deeper than `depth`."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            if depth <= 1:
                raise Malformed("nested too deeply")
            check_depth(child, depth - 1)


def _no_constants(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")


def take(record: dict[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    """`record[key]`, which must be there and of `kind`. A boolean never passes for a number."""
    value = record.get(key)
    if key not in record or not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise Malformed(f"{key!r} is missing or of the wrong type")
    return value


def take_count(record: dict[str, Any], key: str) -> int:
    """`record[key]`, an integer from 0 to 2**53."""
    value = take(record, key, int)
    if not 0 <= value <= MAX_INTEGER:
        raise Malformed(f"{key!r} is out of range")
    return int(value)
