"""What is said of versions and collections: links, aliases, tags, cards, properties, attachments."""

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
    """What can be said of versions and collections."""

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
        """Link a version into a registered model, and move the model's `aliases` to it. A model that does not exist is
        made, for versions of this type; a version of another type than the model's is refused, unless `force`. A model
        links a version once; repeating it returns the link that is there. expect: where these aliases are now, see
        `set_alias`. message: the reason, for the history."""
        return operations.links.link(
            self._context, reference, model, texts(aliases), expect=expect, message=message, force=force
        )

    def unlink(self, reference: str, *, force: bool = False, message: str | None = None) -> Unlinked:
        """Remove the link `MODEL:vN`; the version stays. Refused while an alias of the model is on it, unless
        `force`, which removes those too. message: the reason, for the history."""
        return operations.links.unlink(self._context, reference, force=force, message=message)

    def set_alias(
        self, alias: str, reference: str, *, expect: str | Sequence[str] | None = None, message: str | None = None
    ) -> AliasSet:
        """Move the alias of the collection that `reference` names to that version, atomically.

        expect: where the alias is now, `vN` or `none`; with several aliases, `ALIAS=vN` or `NAME:ALIAS=vN` for each.
        Where one is elsewhere, AliasMoved (an Unmet) is raised and nothing changed. message: the reason, for the
        history.
        """
        return operations.aliases.set_alias(self._context, alias, reference, expect=expect, message=message)

    def remove_alias(
        self, alias: str, name: str, *, expect: str | Sequence[str] | None = None, message: str | None = None
    ) -> AliasRemoved:
        """Delete an alias of a collection. expect: where it is now, see `set_alias`. message: the reason, for the
        history."""
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
        """Move the alias of a collection back to where it was that many places before, as the journal tells. A place
        that a rollback or an undo left does not count, so a second call goes further back; an alias that was removed
        comes back. expect: where it is now, see `set_alias`. message: the reason, for the history."""
        return operations.rollback.roll_back(self._context, alias, name, steps=steps, expect=expect, message=message)

    def aliases(self, name: str | None = None) -> list[Alias]:
        """The aliases of a collection, or all."""
        return operations.aliases.list_aliases(*(self._at(name) if name else (self._context, None)))

    def add_tags(self, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
        """Add tags to a registered model, or to a version where the name is a reference with a colon, such as
        `mnist:v3`; a version's need a repository of format 2. message: the reason, for the history."""
        return operations.links.add_tags(self._context, name, texts(tags), message=message)

    def remove_tags(self, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
        """Remove tags from a registered model, or from a version: all of them or none. See `add_tags`."""
        return operations.links.remove_tags(self._context, name, texts(tags), message=message)

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Every tag in use, with the names of the registered models and versions (`artifact:vN`) that have it."""
        return operations.query.tags(self._context)

    def card(self, reference: str) -> str:
        """The card of a registered model; of an artifact or a version, the README.md among its files. Markdown; empty
        where there is none. `front_matter` takes it apart."""
        return operations.links.card(*self._at(reference))

    def set_card(self, model: str, text: str) -> Changed:
        """Replace the model card. Tags of its front matter become tags of the model, as part of the same change; no tag
        is taken off."""
        return operations.links.set_card(self._context, model, text)

    def properties(self, reference: str) -> dict[str, Any]:
        """The properties of what the reference means, sorted by key: `NAME` an artifact or a registered model,
        `NAME:vN`, `NAME:ALIAS` and the like a version, or the link of a registered model."""
        return operations.properties.get_properties(*self._at(reference))

    def set_property(self, reference: str, key: str, value: Any, *, message: str | None = None) -> Changed:
        """Set one property: any text as key, a value as in metadata. It is renamed and deleted along with what it is
        of, and each can be undone by itself. Keys that begin with `mreg.` are mreg's own. message: the reason, for the
        history. Raises NeedsFormat in a repository of format 1."""
        return self.set_properties(reference, {key: value}, message=message)

    def set_properties(self, reference: str, values: Mapping[str, Any], *, message: str | None = None) -> Changed:
        """Set these properties as one change, remove those whose value is None, and leave the others; see
        `set_property`."""
        return operations.properties.set_properties(self._context, reference, values, message=message)

    def remove_property(self, reference: str, key: str, *, message: str | None = None) -> Changed:
        """Remove one property. message: the reason, for the history."""
        return operations.properties.remove_properties(self._context, reference, [key], message=message)

    def attachments(self, reference: str) -> list[Attachment]:
        """The files and folders attached to what the reference means (see `properties`), sorted by name."""
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
        """Attach a file, or the contents of a folder, under a name, in the place of what has the name. The version and
        its digest stay as they are; the attachment is renamed and deleted along with what it is of. paths: as for
        `log`. message: the reason, for the history. Raises NeedsFormat in a repository of format 1."""
        return operations.attaching.attach(
            self._context, reference, name, listed(paths), message=message, progress=progress
        )

    def detach(self, reference: str, name: str, *, message: str | None = None) -> Changed:
        """Remove an attachment. message: the reason, for the history."""
        return operations.attachments.detach(self._context, reference, name, message=message)

    def read_attachment(self, reference: str, name: str, path: str | None = None) -> Iterator[bytes]:
        """The bytes of a file of an attachment, piece by piece, each verified; the whole is right once the last piece
        has been given out. path: within the attachment; not needed where that is one file."""
        return operations.attachments.read(*self._at(reference), name, path)
