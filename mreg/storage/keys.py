"""Which texts are keys of a store.

A key is a relative path of `/`-separated components, each 1 to 255 bytes of UTF-8: `A-Z a-z 0-9 . _ - #` and the
letters, marks and digits beyond ASCII that names may have (`mreg.values.alphabet`), in NFC; none of them is `.` or
`..`. Keys of refs only hold anything beyond ASCII. A store that keeps names in another normal form lists them in NFC.
The first is none of `tmp`, `lock` and `lock.held`, in capitals or not: these are the stores' own. Any other key is a
ValueError. No key lies below another key; callers see to that.
"""

from __future__ import annotations

from mreg.values import names

_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-#/"
_RESERVED = frozenset({"tmp", "lock", "lock.held"})


def is_key(key: str) -> bool:
    """Whether `key` is one by the module's contract. Such a key can never lead out of a store's root."""
    if key.strip(_CHARACTERS) and not _is_wide(key):  # what is left begins with a character beyond these
        return False
    parts = key.split("/")
    if parts[0].lower() in _RESERVED or "" in parts or "." in parts or ".." in parts:
        return False
    return len(max(parts, key=len)) <= 255 and (key.isascii() or all(len(part.encode()) <= 255 for part in parts))


def _is_wide(key: str) -> bool:
    """Is it made of what may stand in keys, with something beyond ASCII?"""
    return all(c in _CHARACTERS or names.is_beyond_ascii(c) for c in key) and names.is_composed(key)


def check_key(key: str) -> None:
    """Raise ValueError unless `key` is a key."""
    if not is_key(key):
        raise ValueError(f"not a storage key: {key!r}")
