"""Artifacts and registered models: made, listed, renamed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mreg import operations
from mreg.repository.given import texts
from mreg.repository.opening import Opened
from mreg.values import names

if TYPE_CHECKING:
    from mreg.values.changed import Changed
    from mreg.values.entities import Artifact, Model


class Collections(Opened):
    """What can be done with artifacts and registered models."""

    def artifacts(self, *, after: str = "", limit: int | None = None) -> list[Artifact]:
        """All artifacts, sorted by name. after, limit: at most so many behind the one called so, as a page, which takes
        no longer than if there were no others."""
        return operations.query.artifacts(self._context, after, limit)

    def artifact(self, name: str) -> Artifact:
        """One artifact."""
        return operations.query.artifact(*self._at(name))

    def models(self, *, after: str = "", limit: int | None = None) -> list[Model]:
        """All registered models, sorted by name. after, limit: see `artifacts`."""
        return operations.query.models(self._context, after, limit)

    def model(self, name: str) -> Model:
        """One registered model, with its links, tags and card."""
        return operations.query.model(*self._at(name))

    def kind(self, name: str) -> str | None:
        """ "artifact", "model", or None where nothing has this name."""
        context, name = self._at(name)
        kind = context.view().kind(names.check_name(name))
        return None if kind is None else kind.value

    def create_artifact(self, name: str, *, type: str = "model", description: str = "", first: int = 0) -> Changed:
        """Make an empty artifact; false where it exists already. first: the number of its first version; the numbers
        below are given to nothing, which needs a repository of format 2."""
        return operations.collections.create_artifact(self._context, name, type, description, first)

    def create_model(
        self,
        name: str,
        *,
        description: str = "",
        tags: Sequence[str] = (),
        first: int = 0,
        type: str | None = None,
    ) -> Changed:
        """Make an empty registered model; false where it exists already. type: of the versions that it is for, `model`
        where nothing is said; another one needs a repository of format 2. first: see `create_artifact`."""
        return operations.collections.create_model(self._context, name, description, list(texts(tags)), first, type)

    def awaited(self, name: str) -> dict[int, str]:
        """The numbers of a collection that are kept for versions which are not here yet, each with the digest of the
        version's record. Such a number means this version, or nothing."""
        return operations.query.awaited(*self._at(name))

    def remove_artifact(self, name: str, *, force: bool = False) -> Changed:
        """Delete an artifact; one that has versions only with `force`, aliases and links then go too."""
        return operations.collections.remove_artifact(self._context, name, force=force)

    def remove_model(self, name: str, *, force: bool = False) -> Changed:
        """Delete a registered model; one that has links only with `force`. No version is touched."""
        return operations.collections.remove_model(self._context, name, force=force)

    def rename_artifact(self, old: str, new: str, *, properties: Mapping[str, Any] | None = None) -> Changed:
        """Give an artifact another name; versions keep their numbers, aliases and links follow. properties: set in the
        same change, as `set_properties` does it."""
        return operations.rename.rename_artifact(self._context, old, new, properties or {})

    def rename_model(self, old: str, new: str, *, properties: Mapping[str, Any] | None = None) -> Changed:
        """Give a registered model another name; links keep their numbers, aliases follow. properties: see
        `rename_artifact`."""
        return operations.rename.rename_model(self._context, old, new, properties or {})

    def describe(self, name: str, description: str) -> Changed:
        """Set the description of an artifact or a registered model."""
        return operations.collections.describe(self._context, name, description)
