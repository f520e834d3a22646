"""Artifacts and registered models: create, list, rename, delete."""

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
    """Methods for artifacts and registered models."""

    def artifacts(self, *, after: str = "", limit: int | None = None) -> list[Artifact]:
        """List the artifacts, sorted by name. after, limit: return a page: at most `limit` artifacts whose names follow
        `after`. Its cost does not depend on the number of artifacts."""
        return operations.query.artifacts(self._context, after, limit)

    def artifact(self, name: str) -> Artifact:
        """Return an artifact. Raises UnknownArtifact."""
        return operations.query.artifact(*self._at(name))

    def models(self, *, after: str = "", limit: int | None = None) -> list[Model]:
        """List the registered models, sorted by name. after, limit: see `artifacts`."""
        return operations.query.models(self._context, after, limit)

    def model(self, name: str) -> Model:
        """Return a registered model with its links, tags and card. Raises UnknownModel."""
        return operations.query.model(*self._at(name))

    def kind(self, name: str) -> str | None:
        """Return "artifact" or "model", or None if there is no collection with this name. Raises InvalidName."""
        context, name = self._at(name)
        kind = context.view().kind(names.check_name(name))
        return None if kind is None else kind.value

    def create_artifact(self, name: str, *, type: str = "model", description: str = "", first: int = 0) -> Changed:
        """Create an empty artifact. The result is false if it already exists.

        type: the type of its versions.
        first: the number of its first version. Lower numbers remain unused. Requires repository format 2 if above 0.

        Raises NameTaken, InvalidFirst, NumbersGiven, NeedsFormat.
        """
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
        """Create an empty registered model. The result is false if it already exists.

        type: the type of the versions that can be linked; default: `model`. Other types require repository format 2.
        first: the number of its first link (see `create_artifact`).

        Raises NameTaken, TypeDiffers, InvalidFirst, NumbersGiven, NeedsFormat.
        """
        return operations.collections.create_model(self._context, name, description, list(texts(tags)), first, type)

    def awaited(self, name: str) -> dict[int, str]:
        """Return the reserved numbers of a collection, each with the digest of the version (its record) that it is
        reserved for, which is not here yet. Raises UnknownName."""
        return operations.query.awaited(*self._at(name))

    def remove_artifact(self, name: str, *, force: bool = False) -> Changed:
        """Delete an artifact. force: also its versions, with their aliases and links. Raises UnknownArtifact; without
        `force`, NotEmpty and Held."""
        return operations.collections.remove_artifact(self._context, name, force=force)

    def remove_model(self, name: str, *, force: bool = False) -> Changed:
        """Delete a registered model. force: also its links. No version is deleted. Raises UnknownModel; without
        `force`, NotEmpty."""
        return operations.collections.remove_model(self._context, name, force=force)

    def rename_artifact(self, old: str, new: str, *, properties: Mapping[str, Any] | None = None) -> Changed:
        """Rename an artifact. Versions keep their numbers; aliases and links follow. properties: set in the same change
        (see `set_properties`). Raises UnknownArtifact, NameTaken."""
        return operations.rename.rename_artifact(self._context, old, new, properties or {})

    def rename_model(self, old: str, new: str, *, properties: Mapping[str, Any] | None = None) -> Changed:
        """Rename a registered model. Links keep their numbers; aliases follow. properties: see `rename_artifact`.
        Raises UnknownModel, NameTaken."""
        return operations.rename.rename_model(self._context, old, new, properties or {})

    def describe(self, name: str, description: str) -> Changed:
        """Set the description of an artifact or a registered model. Raises UnknownName."""
        return operations.collections.describe(self._context, name, description)
