"""Two versions side by side, or a version and files outside: files, metadata, tensors."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from mreg import operations
from mreg.operations.sides import sides
from mreg.session.context import Context
from mreg.values import metadata
from mreg.values.canonical import same
from mreg.values.entities import Diff, File, Version
from mreg.values.progress import Progress

if TYPE_CHECKING:
    from mreg.operations.tensors import Wish


def diff(
    context: Context,
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    tensors: Wish | None,
    progress: Progress | None,
) -> Diff:
    """See `Repository.diff`."""
    view = context.view()
    old, new = sides(context, view, before, after)
    old_files, new_files = ({file.path: file for file in one.files} for one in (old, new))
    both = sorted(old_files.keys() & new_files.keys())
    return Diff(
        before=old.what,
        after=new.what,
        added=_only(new_files, old_files),
        removed=_only(old_files, new_files),
        changed=tuple((old_files[path], new_files[path]) for path in both if old_files[path] != new_files[path]),
        metadata=_differences(old.what, new.what),
        added_folders=tuple(sorted({*new.folders} - {*old.folders})),
        removed_folders=tuple(sorted({*old.folders} - {*new.folders})),
        only=(old.only, new.only),
        tensors=operations.tensors.compare(old, new, tensors, progress) if tensors else None,
    )


RECORDED: Final = ("git.", "env.", "source.")
"""How keys begin that mreg fills (`capture`): told after those that people chose."""


def _only(these: dict[str, File], others: dict[str, File]) -> tuple[File, ...]:
    return tuple(these[path] for path in sorted(these.keys() - others.keys()))


def _differences(before: object, after: object) -> dict[str, tuple[Any, Any]]:
    """None are known beside files outside: nothing is said of those."""
    if not isinstance(before, Version) or not isinstance(after, Version):
        return {}
    old, new = metadata.flatten(before.metadata), metadata.flatten(after.metadata)
    keys: Iterable[str] = sorted(old.keys() | new.keys(), key=lambda key: (key.startswith(RECORDED), key))
    return {key: (old.get(key), new.get(key)) for key in keys if not same(old.get(key), new.get(key))}
