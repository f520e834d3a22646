"""Names for collections that the other side cannot call as this one does."""

from __future__ import annotations

from itertools import count
from typing import Final

from mreg import lazy
from mreg.operations.collections import NameTaken, check_free
from mreg.refs.keys import CollectionKey
from mreg.refs.view import View
from mreg.values.names import MAX_LENGTH, fold, is_name

_ROOM: Final = 8
"""Letters for what tells equal names apart."""


def proposed(view: View, key: CollectionKey) -> str:
    """A name like that of `key` that every repository can hold, and that is free there."""
    stem = _plain(key.name)[: MAX_LENGTH - _ROOM]
    stem = stem if is_name(stem) else key.kind.value
    known = {fold(name) for name in view.names_ever()}
    tries = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
    return next(name for name in tries if fold(name) not in known and _is_free(view, key.kind.key(name)))


def _is_free(view: View, key: CollectionKey) -> bool:
    try:
        check_free(view, key)
    except NameTaken:
        return False
    return True


def _plain(name: str) -> str:
    """Without accents, and without letters of other scripts."""
    return lazy.unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip("-.")
