"""The three verbs that users of W&B know, on the repository that the command line would find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mreg.repository import Paths, Repository

if TYPE_CHECKING:
    from mreg.entities import Link, Version


def log_model(
    path: Paths,
    name: str,
    *,
    aliases: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    repository: Repository | None = None,
) -> Version:
    """Log `path` as the next version of the artifact `name`; the version (the latest, if nothing differs).

    repository: without it the one that `Repository.find()` gives. See `Repository.log`.
    """
    return _repository(repository).log(path, name, aliases=aliases, metadata=metadata).version


def use_model(reference: str, *, run: str | None = None, repository: Repository | None = None) -> str:
    """The path of a ready-to-load copy of a version. See `Repository.use`."""
    return _repository(repository).use(reference, run=run)


def link_model(
    reference: str, registered_model: str, *, aliases: Sequence[str] = (), repository: Repository | None = None
) -> Link:
    """Bookmark a version in a registered model, and move its `aliases` there. See `Repository.link`."""
    return _repository(repository).link(reference, registered_model, aliases=aliases).link


def _repository(given: Repository | None) -> Repository:
    return given or Repository.find()
