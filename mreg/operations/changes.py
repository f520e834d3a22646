"""What a change did: the refs of a journal entry, in the words that people use for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mreg.content.objects import DamagedObject
from mreg.refs import keys, properties
from mreg.refs.journal import Change
from mreg.refs.keys import (
    AliasKey,
    AnnotationKey,
    ArtifactKey,
    AttachmentKey,
    CardKey,
    CollectionKey,
    ConfigKey,
    LinkKey,
    PartKey,
    RefKey,
    RunKey,
    VersionKey,
)
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import annotation, metadata, toml
from mreg.values.annotation import Said
from mreg.values.canonical import Malformed
from mreg.values.changed import Changed, Detail, RefChange
from mreg.values.errors import Damaged
from mreg.values.formats import NewerFormat
from mreg.values.names import parse_version
from mreg.values.records import VersionRecord
from mreg.values.ref_texts import parse_link

if TYPE_CHECKING:
    from mreg.refs.transaction import Committed


_R = TypeVar("_R", bound=tuple[Any, ...])


def changed(context: Context, done: Committed[Any]) -> Changed:
    """What the commit changed."""
    if not done.changes:
        return Changed(done.entry.seq if done.entry else None, ())
    return Changed(done.entry.seq if done.entry else None, describe(context, done.view, done.changes))


def report(context: Context, done: Committed[_R]) -> _R:
    """What the commit's drafting function returned, a named tuple with the fields of `Changed`, and what these are."""
    result: _R = done.value._replace(**changed(context, done)._asdict())  # type: ignore[attr-defined]
    return result


def describe(
    context: Context,
    view: View,
    changes: Iterable[Change],
    *,
    messages: bool = False,
    records: Mapping[str, VersionRecord] | None = None,
) -> tuple[RefChange, ...]:
    """These changes of one entry. view: of any time near it, in which versions are looked up that they only point at.
    messages: read those of new versions too. records: by digest, what need not be read for that."""
    moves = {keys.parse(one.ref): one for one in changes}
    words = _Words(context, view, moves, messages, records or {})
    return tuple(words.of(key, one) for key, one in moves.items())


class _Words:
    """What one entry's changes mean."""

    def __init__(
        self,
        context: Context,
        view: View,
        moves: Mapping[RefKey, Change],
        messages: bool,
        records: Mapping[str, VersionRecord],
    ) -> None:
        self._context = context
        self._view = view
        self._moves = moves
        self._messages = messages
        self._records = records

    def of(self, key: RefKey, change: Change) -> RefChange:
        kind, name = _called(key)
        try:
            version, details = self._version(key, change.new or change.old or ""), self._details(key, change)
        except (Damaged, Malformed, NewerFormat):  # it is told all the same
            version, details = None, ()
        return RefChange(*change, kind, name, version, details)

    def _version(self, key: RefKey, value: str) -> str | None:
        """The artifact's version that the ref means."""
        match key:
            case VersionKey():
                return key.version
            case AnnotationKey(artifact, number):
                return f"{artifact}:v{number}"
            case LinkKey():
                target = parse_link(value)
                return target.version if target else None
            case AliasKey(collection, _):
                at = None if self._view.ref(ArtifactKey(collection)).seq else parse_version(value)
                link = None if at is None else self._last(LinkKey(collection, at))
                target = parse_link(link or "")
                return target.version if target else f"{collection}:{value}"
            case RunKey():
                return value
            case PartKey(VersionKey() as owner, _):
                return owner.version
            case PartKey(LinkKey() as owner, _):
                target = parse_link(self._last(owner) or "")
                return target.version if target else None
        return None

    def _last(self, key: RefKey) -> str | None:
        """The value of the ref, or the one that it had before it was deleted."""
        if key in self._moves:
            return self._moves[key].new or self._moves[key].old
        ref = self._view.ref(key)
        return ref.value or ref.last

    def _details(self, key: RefKey, change: Change) -> tuple[Detail, ...]:
        match key:
            case VersionKey() if self._messages and change.old is None and change.new is not None:
                return self._message(change.new)
            case CollectionKey() if change.old is not None and change.new is None:
                said = properties.read(key, change.old)
                return tuple(Detail(name, said[name], None) for name in ("description", "tags") if said.get(name))
            case CollectionKey() if change.old is not None:
                return _differences(properties.read(key, change.old), properties.read(key, change.new))
            case AnnotationKey():
                return self._noted(key, change)
            case ConfigKey():
                return _differences(*(metadata.flatten(toml.loads(text or "")) for text in change[1:]))
        return ()

    def _message(self, digest: str) -> tuple[Detail, ...]:
        record = self._record(digest)
        return (Detail("message", None, record.message),) if record and record.message else ()

    def _record(self, digest: str) -> VersionRecord | None:
        """The version's record; None where it is not there any more."""
        objects = self._context.objects
        try:
            return self._records.get(digest) or objects.version(digest)
        except DamagedObject:
            if objects.has(digest):
                raise
            return None

    def _noted(self, key: AnnotationKey, change: Change) -> tuple[Detail, ...]:
        version = self._moves.get(VersionKey(key.artifact, key.number))
        if version is not None:  # the annotation came or went with it
            return ()
        digest = self._view.ref(VersionKey(key.artifact, key.number)).value
        record = digest and self._record(digest)
        if not record:
            return ()
        old, new = (_flat(annotation.effective(record, value, key)) for value in change[1:])
        return _differences(old, new)


def _flat(said: Said) -> dict[str, Any]:
    inputs, sources = [one.reference for one in said.inputs], [one.name for one in said.sources]
    lists = {"inputs": inputs, "sources": sources, "tags": list(said.tags)}
    return {"message": said.message, **lists, **metadata.flatten(said.metadata)}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Detail, ...]:
    """The keys whose values differ. A number is not the truth value that equals it."""
    both = [*old, *(key for key in new if key not in old)]
    found = (Detail(key, old.get(key), new.get(key)) for key in both)
    return tuple(one for one in found if repr(one.old) != repr(one.new))


def _called(key: RefKey) -> tuple[str, str]:
    """The kind of the ref, and its name in the words of people."""
    match key:
        case CollectionKey(name):
            return key.kind.value, name
        case VersionKey():
            return "version", key.version
        case AnnotationKey(artifact, number):
            return "annotation", f"{artifact}:v{number}"
        case CardKey(model):
            return "card", model
        case LinkKey():
            return "link", key.link
        case AliasKey(collection, alias):
            return "alias", f"{collection}:{alias}"
        case RunKey(run, _):
            return "use", run
        case ConfigKey():
            return "settings", str(key)
        case PartKey(owner, name):
            kind = "attachment" if isinstance(key, AttachmentKey) else "property"
            return kind, f"{_called(owner)[1]}#{name}"
    return "ref", str(key)
