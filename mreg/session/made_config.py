"""The config of a repository as init wrote it, which its first journal entry tells."""

from __future__ import annotations

from mreg.refs import heading, ref_files
from mreg.refs.journal import parse
from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref
from mreg.storage.base import Value


def as_made(first: bytes) -> Value:
    """The config as init wrote it, by the first entry."""
    entry = parse(1, first)
    return Value(ref_files.encode(CONFIG, Ref(heading.as_made(entry.prev, entry, 0), 0)), "")


def is_config(data: bytes) -> bool:
    """Whether it tells which repository it is of."""
    try:
        heading.parse(data.decode())
    except (UnicodeDecodeError, heading.DamagedConfig):
        return False
    return True
