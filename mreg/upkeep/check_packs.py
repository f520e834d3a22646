"""Checks of packs: their names and indexes, and which of them are read from."""

from __future__ import annotations

from mreg.content import packs
from mreg.content.packs import DamagedPack
from mreg.session.context import Context
from mreg.storage import unreadable
from mreg.upkeep.check import Check
from mreg.upkeep.reach import copies
from mreg.values.digest import is_digest


def check_packs(context: Context, check: Check) -> None:
    """Invariant 7 of docs/format.md; where each chunk and recipe is."""
    for key in context.storage.list("packs"):
        name = packs.name_of(key)
        if name is None or not is_digest(name) or packs.key_of(name) != key:
            check.found.add("foreign-file", key, "its name is not that of a pack")
        else:
            _read_index(context, check, name)
    _catch_up(context, check)
    _locate(check)


def _read_index(context: Context, check: Check, name: str) -> None:
    try:
        check.data.indexes[name] = packs.read_index(context.storage, name)
    except DamagedPack as error:
        if is_there(context, packs.key_of(name)):
            check.found.add("pack", packs.key_of(name), error.reason)
        # else a gc has swept it meanwhile


def _catch_up(context: Context, check: Check) -> None:
    """The packs that are read from are those of the journal as it now is: a gc may have put others in the place of
    those that we knew."""
    read_on(context, check)
    for name in check.refs.registered.keys() - check.data.indexes.keys():
        if not is_there(context, packs.key_of(name)):
            check.data.missing.add(name)
        elif not any(finding.what == packs.key_of(name) for finding in check.found):
            _read_index(context, check, name)


def read_on(context: Context, check: Check) -> None:
    """What was committed meanwhile: a pack that a gc gave up is not missed."""
    check.refs.read_on(context.journal)
    check.data.missing &= check.refs.registered.keys()


def _locate(check: Check) -> None:
    """Where chunks and recipes are read from; where nobody knows which packs are, from any."""
    data, registered, whole = check.data, check.refs.registered, check.refs.whole
    known = {} if whole else dict(data.indexes)
    for name in registered:  # behind the others, in its order, as `copies` wants them
        known.pop(name, None)
        if name in data.indexes:
            known[name] = data.indexes[name]
    data.places = copies(known)
    for index in known.values():
        for file, pieces in index.recipes.items():  # of several, one whose chunks are all there
            if file not in data.recipes or all(piece.digest in data.places for piece in pieces):
                data.recipes[file] = pieces


def is_there(context: Context, key: str) -> bool:
    try:
        return context.storage.stat(key) is not None
    except OSError as error:
        unreadable(error)
        return True
