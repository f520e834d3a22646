"""Labels of versions and collections: links, aliases, tags, cards, properties, attachments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mreg import operations
from mreg.repository.given import Paths, listed, texts
from mreg.repository.opening import Opened
from mreg.values.progress import Progress

if TYPE_CHECKING:
    from mreg.operations.aliases import Alias, AliasRemoved, AliasSet
    from mreg.values.changed import Changed
    from mreg.values.entities import Attachment, LinkResult, TagsResult, Unlinked


class Labels(Opened):
    """Methods for labels of versions and collections."""

    def link(
        self,
        reference: str,
        model: str,
        *,
        aliases: Sequence[str] = (),
        expect: str | Sequence[str] | None = None,
        message: str | None = None,
        force: bool = False,
    ) -> LinkResult:
        """Link a version into a registered model, and move `aliases` of the model to the link.

        A missing model is created, with the type of the version. A version is linked only once per model: repeating the
        call returns the existing link.

        expect: current targets of the aliases (see `set_alias`).
        force: link a version whose type differs from the model's.

        Raises OtherType, AliasMoved, NotFound, NameTaken.
        """
        return operations.links.link(
            self._context, reference, model, texts(aliases), expect=expect, message=message, force=force
        )

    def unlink(self, reference: str, *, force: bool = False, message: str | None = None) -> Unlinked:
        """Remove the link `MODEL:vN`. The version is kept. force: also remove aliases of the model that point at the
        link. Raises NotFound; without `force`, Held."""
        return operations.links.unlink(self._context, reference, force=force, message=message)

    def set_alias(
        self, alias: str, reference: str, *, expect: str | Sequence[str] | None = None, message: str | None = None
    ) -> AliasSet:
        """Move an alias atomically to the version that `reference` selects. The alias belongs to the collection in
        `reference`.

        expect: the current target of the alias, `vN` or `none`; for several aliases, `ALIAS=vN` or `NAME:ALIAS=vN`
            each. If one differs, AliasMoved (an Unmet) is raised and nothing is changed.

        Raises AliasMoved, InvalidExpectation, AliasTaken, NotFound.
        """
        return operations.aliases.set_alias(self._context, alias, reference, expect=expect, message=message)

    def remove_alias(
        self, alias: str, name: str, *, expect: str | Sequence[str] | None = None, message: str | None = None
    ) -> AliasRemoved:
        """Delete an alias of the collection `name`. expect: its current target (see `set_alias`). Raises AliasMoved,
        InvalidExpectation, UnknownName, UnknownAlias."""
        return operations.aliases.remove_alias(self._context, alias, name, expect=expect, message=message)

    def roll_back_alias(
        self,
        alias: str,
        name: str,
        *,
        steps: int = 1,
        expect: str | Sequence[str] | None = None,
        message: str | None = None,
    ) -> AliasSet:
        """Move an alias of the collection `name` back to an earlier target, `steps` moves ago according to the journal.
        Moves by rollbacks and undos do not count, so repeating the call goes back further. A deleted alias is restored.
        expect: its current target (see `set_alias`). Raises NoEarlierPlace, InvalidSteps, AliasMoved,
        InvalidExpectation."""
        return operations.rollback.roll_back(self._context, alias, name, steps=steps, expect=expect, message=message)

    def aliases(self, name: str | None = None) -> list[Alias]:
        """List the aliases of a collection, or of all, sorted by collection and alias. Raises UnknownName."""
        return operations.aliases.list_aliases(*(self._at(name) if name else (self._context, None)))

    def add_tags(self, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
        """Add tags to the registered model `name`, or to a version if `name` is a reference with a colon, such as
        `mnist:v3`. Tags of versions require repository format 2. Raises NotFound, InvalidTag, NeedsFormat."""
        return operations.links.add_tags(self._context, name, texts(tags), message=message)

    def remove_tags(self, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
        """Remove tags from a registered model or a version (see `add_tags`): all of them or none. Raises UnknownTag,
        NotFound."""
        return operations.links.remove_tags(self._context, name, texts(tags), message=message)

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Return all tags in use, each with the names of the registered models and versions (`artifact:vN`) that have
        it."""
        return operations.query.tags(self._context)

    def card(self, reference: str) -> str:
        """Return the card of a registered model as Markdown; of an artifact or a version, its README.md. Empty if there
        is none. `mreg.front_matter` parses it. Raises NotFound, InvalidCard, DamagedFile."""
        return operations.links.card(*self._at(reference))

    def set_card(self, model: str, text: str) -> Changed:
        """Replace the card of a registered model. Tags in its front matter are added to the model in the same change;
        no tag is removed. Raises UnknownModel, CardOfArtifact, InvalidCard."""
        return operations.links.set_card(self._context, model, text)

    def properties(self, reference: str) -> dict[str, Any]:
        """Return the properties of a collection (`NAME`), a version or a link (`NAME:vN`, `NAME:ALIAS`, …), sorted by
        key. Raises NotFound."""
        return operations.properties.get_properties(*self._at(reference))

    def set_property(self, reference: str, key: str, value: Any, *, message: str | None = None) -> Changed:
        """Set a property of a collection, a version or a link (see `properties`). The key is any string, the value JSON
        as in metadata. Keys that begin with `mreg.` are reserved. Properties are renamed and deleted with their owner.
        Raises InvalidProperty, InvalidMetadata, NotFound; NeedsFormat in a repository of format 1."""
        return self.set_properties(reference, {key: value}, message=message)

    def set_properties(self, reference: str, values: Mapping[str, Any], *, message: str | None = None) -> Changed:
        """Set several properties as one change; those with the value None are removed, all others are kept. See
        `set_property`."""
        return operations.properties.set_properties(self._context, reference, values, message=message)

    def remove_property(self, reference: str, key: str, *, message: str | None = None) -> Changed:
        """Remove a property. Raises UnknownProperty, NotFound."""
        return operations.properties.remove_properties(self._context, reference, [key], message=message)

    def attachments(self, reference: str) -> list[Attachment]:
        """List the attachments of a collection, a version or a link (see `properties`), sorted by name. Raises
        NotFound."""
        return operations.attachments.attachments(*self._at(reference))

    def attach(
        self,
        reference: str,
        name: str,
        paths: Paths,
        *,
        message: str | None = None,
        progress: Progress | None = None,
    ) -> Changed:
        """Attach a file, or the contents of a folder, under a name. An attachment with this name is replaced. The
        version's digest does not change. Attachments are renamed and deleted with their owner. paths: as for `log`.
        Raises InvalidName, NotFound; NeedsFormat in a repository of format 1."""
        return operations.attaching.attach(
            self._context, reference, name, listed(paths), message=message, progress=progress
        )

    def detach(self, reference: str, name: str, *, message: str | None = None) -> Changed:
        """Remove an attachment. Raises UnknownAttachment, NotFound."""
        return operations.attachments.detach(self._context, reference, name, message=message)

    def read_attachment(self, reference: str, name: str, path: str | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file of an attachment in verified pieces. The file as a whole is verified once the last
        piece was yielded. path: the file in the attachment; not needed if the attachment is a single file. Raises
        UnknownAttachment, UnknownFile, SeveralFiles; DamagedFile while reading."""
        return operations.attachments.read(*self._at(reference), name, path)
