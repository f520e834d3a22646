"""The three verbs that users of W&B know, on the repository that the command line would find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from mreg.repository import Paths, Repository

if TYPE_CHECKING:
    from mreg.values.entities import Link, Version

__all__ = ["link_model", "log_model", "use_model"]


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
    with _repository(repository) as repo:
        return repo.log(path, name, aliases=aliases, metadata=metadata).version


def use_model(reference: str, *, run: str | None = None, repository: Repository | None = None) -> str:
    """The path of a ready-to-load copy of a version. See `Repository.use`."""
    with _repository(repository) as repo:
        return repo.use_path(reference, run=run)


def link_model(
    reference: str, registered_model: str, *, aliases: Sequence[str] = (), repository: Repository | None = None
) -> Link:
    """Link a version into a registered model, and move its `aliases` there. See `Repository.link`."""
    with _repository(repository) as repo:
        return repo.link(reference, registered_model, aliases=aliases).link


def _repository(given: Repository | None) -> AbstractContextManager[Repository]:
    """What was given stays open; what was found for one call does not."""
    return nullcontext(given) if given is not None else Repository.find()
