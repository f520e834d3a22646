"""From a reference, as a user types it, to one version."""

from __future__ import annotations

from mreg import session
from mreg.operations.renamed import last_place, moved_to
from mreg.refs.keys import AliasKey, ArtifactKey, CollectionKey, CollectionKind, LinkKey, ModelKey, VersionKey
from mreg.refs.rules import reserved
from mreg.refs.view import View, alias_number
from mreg.session.context import Context
from mreg.session.listing import listed_aliases, listed_names
from mreg.values import names
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import Reference, Selector, near, split_remote
from mreg.values.ref_texts import LinkTarget


class UnknownName(NotFound):
    code = "unknown-name"
    template = "there is no artifact or registered model {name!r}"

    name: str


class UnknownArtifact(NotFound):
    code = "unknown-artifact"
    template = "there is no artifact {name!r}"

    name: str


class UnknownModel(NotFound):
    code = "unknown-model"
    template = "there is no registered model {name!r}"

    name: str


class UnknownVersion(NotFound):
    code = "unknown-version"
    template = "{name!r} has no version {selector}"

    name: str
    selector: str


class DeletedVersion(NotFound):
    code = "deleted-version"
    template = "version {selector} of {name!r} was deleted"

    name: str
    selector: str


class NotHere(NotFound):
    """The number is given, and what it means may come, or never was."""

    code = "not-here"
    template = "version {selector} of {name!r} is not here: its number is reserved"

    name: str
    selector: str


class RenamedVersion(DeletedVersion):
    """The version is there, by another name."""

    code = "renamed-version"
    template = "version {selector} of {name!r} was renamed: it is {now} now"

    now: str


class DeletedElsewhere(DeletedVersion):
    """The version was deleted when it had another name, by which the history tells it."""

    code = "deleted-elsewhere"
    template = "version {selector} of {name!r} was renamed to {now}, and that was deleted"

    now: str
    last: str


class UnknownAlias(NotFound):
    code = "unknown-alias"
    template = "{name!r} has no alias {alias!r}"

    name: str
    alias: str


class EmptyCollection(NotFound):
    code = "empty"
    template = "{name!r} has no version"

    name: str


class AmbiguousDigest(InvalidInput):
    code = "ambiguous-digest"
    template = "several versions of {name!r} have digests that start with {prefix}"

    name: str
    prefix: str


class Resolved(NamedTuple):
    """One version: the artifact it belongs to, its number there, and the digest of its record. If it was named
    through a registered model, also that model's name and the number of the link; if in a remote, the remote's."""

    artifact: str
    number: int
    digest: str
    model: str | None = None
    link: int | None = None
    remote: str | None = None

    @property
    def name(self) -> str:
        """`artifact:vN`, which means this version for ever; in a remote `remote/artifact:vN`."""
        return f"{self.remote}/{self.artifact}:v{self.number}" if self.remote else f"{self.artifact}:v{self.number}"


def resolve(context: Context, reference: str | Reference, view: View | None = None) -> Resolved:
    """The version meant, as of `view`, or as of now. Raises InvalidReference, InvalidName, NotFound with the nearest
    names, Damaged."""
    wanted = reference if isinstance(reference, names.Reference) else names.parse_reference(reference)
    view = view or context.quick_view()
    while wanted.selector != Selector():  # which of the versions is the latest cannot be seen for sure
        try:
            return resolve_in(context, view, wanted)
        except NotFound:
            if not view.moved():
                break
            view = context.quick_view()  # a writer was half-way through what we read: look again
    return resolve_in(context, context.view(view.look), wanted)


def resolve_anywhere(context: Context, reference: str, view: View | None = None) -> Resolved:
    """As `resolve`, also of what is in a remote. view: of this repository, if what is found is to be recorded."""
    if not isinstance(reference, str) or "/" not in reference:
        return resolve(context, reference, view)
    there, name = session.remotes.at(context, reference, view)
    found = resolve(there, name, view if there is context else there.view() if view else None)
    return found._replace(remote=None if there is context else split_remote(reference)[0])


def resolve_in(context: Context, view: View, wanted: Reference) -> Resolved:
    """The version meant, as `view` has it. Raises as `resolve` does."""
    if wanted.remote:
        session.remotes.refuse(context, wanted)
    kind = require_kind(context, view, wanted.name)
    return (_in_artifact if kind is CollectionKind.ARTIFACT else _in_model)(context, view, wanted)


def require_kind(context: Context, view: View, name: str) -> CollectionKind:
    """The kind of the collection with this name. Raises UnknownName, InvalidName."""
    kind = view.kind(names.check_name(name))
    if kind is None:
        raise UnknownName(name=name, near=_nearest(context, view, name))
    return kind


def require_artifact(context: Context, view: View, name: str) -> None:
    """Raises UnknownArtifact, InvalidName."""
    if view.value(ArtifactKey(names.check_name(name, "artifact name"))) is None:
        raise UnknownArtifact(name=name, near=_nearest(context, view, name, CollectionKind.ARTIFACT))


def require_model(context: Context, view: View, name: str) -> None:
    """Raises UnknownModel, InvalidName."""
    if view.value(ModelKey(names.check_name(name, "model name"))) is None:
        raise UnknownModel(name=name, near=_nearest(context, view, name, CollectionKind.MODEL))


def unknown_alias(context: Context, view: View, name: str, alias: str) -> UnknownAlias:
    """The error for an alias that the collection does not have."""
    known = [key.alias for key in listed_aliases(context.tables(view.look), name)]
    return UnknownAlias(name=name, alias=alias, near=near(alias, known))


def linked(key: LinkKey, target: LinkTarget) -> Resolved:
    """The version that a link names."""
    return Resolved(target.artifact, target.number, target.digest, key.model, key.number)


def _in_artifact(context: Context, view: View, wanted: Reference) -> Resolved:
    name, selector = wanted.name, wanted.selector
    if selector.prefix:
        versions = view.versions(name).items()
        return _by_digest(name, selector.prefix, [Resolved(name, key.number, digest) for key, digest in versions])
    number = _number(context, view, wanted)
    if number is None:
        number = view.latest(name)
        if number is None:
            raise EmptyCollection(name=name, near=[])
    ref = view.version(name, number)
    if ref.value is None:
        raise _missing(context, view, VersionKey(name, number))
    return Resolved(name, number, ref.value)


def _in_model(context: Context, view: View, wanted: Reference) -> Resolved:
    model, selector = wanted.name, wanted.selector
    live = {key.number: linked(key, target) for key, target in view.links(model).items()}
    if selector.prefix:
        return _by_digest(model, selector.prefix, list(live.values()))
    number = _number(context, view, wanted)
    if number is None:
        number = max(live, default=None)
        if number is None:
            raise EmptyCollection(name=model, near=[])
    if number not in live:
        raise _missing(context, view, LinkKey(model, number))
    return live[number]


def _number(context: Context, view: View, wanted: Reference) -> int | None:
    """The number that the selector gives or its alias points at; None for `latest`."""
    name, (number, alias, _), _ = wanted
    if alias is None:
        return number
    key = AliasKey(name, alias)
    value = view.value(key)
    if value is None:
        raise unknown_alias(context, view, name, alias)
    return alias_number(key, value)


def _by_digest(name: str, prefix: str, candidates: list[Resolved]) -> Resolved:
    found = {match.digest: match for match in candidates if match.digest.startswith(prefix)}
    if len(found) > 1:
        raise AmbiguousDigest(name=name, prefix=prefix)
    if not found:
        raise UnknownVersion(name=name, selector=f"@{prefix}", near=[])
    return next(iter(found.values()))


def _missing(context: Context, view: View, key: VersionKey | LinkKey) -> NotFound:
    """The error for a number that the collection does not have, or no longer has."""
    name, selector = key.artifact if isinstance(key, VersionKey) else key.model, f"v{key.number}"
    if view.ref(key).seq == 0:
        return UnknownVersion(name=name, selector=selector, near=[])
    if reserved(key, view.ref(key).last):
        return NotHere(name=name, selector=selector, near=[])
    place = last_place(context, view, key)
    if place == key:
        return DeletedVersion(name=name, selector=selector, near=[])
    last, now = (place.artifact, place.version) if isinstance(place, VersionKey) else (place.model, place.link)
    if view.value(place) is None:
        return DeletedElsewhere(name=name, selector=selector, now=now, last=last, near=[])
    return RenamedVersion(name=name, selector=selector, now=now, near=[])


def _nearest(context: Context, view: View, name: str, *kinds: CollectionKind) -> list[str]:
    """The names that may have been meant, of collections of these kinds (default: of any kind): first what the
    collection is called now, if it was renamed."""
    moved = (moved_to(context, view, kind.key(name)) for kind in kinds or CollectionKind)
    now = [key.name for key in moved if isinstance(key, CollectionKey)]
    return now or near(name, listed_names(context.tables(view.look), *kinds))
