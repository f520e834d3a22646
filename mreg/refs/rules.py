"""What each kind of ref may say, which other refs it needs, and which record it keeps alive.

Written once: `rm`, `rename`, `undo`, `gc` and `fsck` ask here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mreg import values
from mreg.refs import properties
from mreg.refs.keys import (
    AliasKey,
    AnnotationKey,
    ArtifactKey,
    AttachmentKey,
    CardKey,
    CollectionKey,
    ConfigKey,
    LinkKey,
    ModelKey,
    PartKey,
    PropertyKey,
    RefKey,
    RunKey,
    VersionKey,
)
from mreg.values.change_rows import IMPORTED
from mreg.values.digest import is_digest
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import is_name, parse_version
from mreg.values.ref_texts import LinkTarget, Reserved, parse_link, parse_reserved


class Root(NamedTuple):
    """A record from which other data is reached: that of a version, or the manifest of an attachment."""

    digest: str
    is_version: bool = True


class Need(NamedTuple):
    """One of these refs must exist, with this value if one is given."""

    keys: tuple[RefKey, ...]
    value: str | None = None


def version_of(target: LinkTarget) -> VersionKey:
    """The version that a link names."""
    return VersionKey(target.artifact, target.number)


def reserved(key: RefKey, last: str | None) -> Reserved | None:
    """What the number is kept for. last: the value that the ref, which does not exist, had before; a number is reserved
    by making its ref a deleted one with such a value."""
    return None if last is None or not isinstance(key, VersionKey | LinkKey) else parse_reserved(last)


def of_format_2(key: RefKey, value: str | None) -> str | None:
    """What only a repository of format 2 can hold of this ref and this value, in words; None where any can."""
    match key:
        case PartKey():
            return words(key)
        case VersionKey() | LinkKey() if reserved(key, value):
            return f"the reserved number of {words(key)}"
        case ModelKey() if value is not None and properties.has_type(key, value):
            return f"the type of {words(key)}"
        case AnnotationKey(artifact, number) if value is not None:
            said = values.annotation.beyond_format_1(value)
            return said and f"{said} of version {artifact}:v{number}"
    return None


def fault(key: RefKey, value: str) -> str | None:
    """Why `value` is not a value for this ref, whatever other refs there are, or None."""
    match key:
        case CollectionKey():
            return properties.fault(key, value)
        case VersionKey() | AttachmentKey():
            return None if is_digest(value) else "it contains no digest"
        case AnnotationKey():
            return values.annotation.fault(value)
        case AliasKey():
            return None if parse_version(value) is not None else "it contains no version number"
        case LinkKey():
            return None if parse_link(value) else "it names no version"
        case RunKey():
            name, _, selector = value.partition(":")
            return None if is_name(name) and parse_version(selector) is not None else "it names no version"
        case PropertyKey():
            return values.properties.fault(value)
    return None


def needs(key: RefKey, value: str) -> tuple[Need, ...]:
    """The refs without which this one, with this value, must not exist. What a run used is a record of the past, and
    needs none."""
    match key:
        case VersionKey(artifact, _):
            return (Need((ArtifactKey(artifact),)),)
        case AnnotationKey(artifact, number):
            return (Need((VersionKey(artifact, number),)),)
        case CardKey(model):
            return (Need((ModelKey(model),)),)
        case LinkKey(model, _):
            target = parse_link(value)
            return (Need((ModelKey(model),)), *((Need((version_of(target),), target.digest),) if target else ()))
        case AliasKey(collection, _):
            at = parse_version(value)
            return () if at is None else (Need((VersionKey(collection, at), LinkKey(collection, at))),)
        case PartKey(owner, _):
            return (Need((owner,)),)
    return ()


def unmet(key: RefKey, value: str, lookup: Callable[[RefKey], str | None]) -> Need | None:
    """The first of its needs that is not met, or None. lookup: gives the value of a ref, None if it does not exist."""
    for need in needs(key, value):
        found = [there for there in map(lookup, need.keys) if there is not None]
        if not (need.value in found if need.value is not None else found):
            return need
    return None


def needing(gone: RefKey, refs: Mapping[RefKey, str]) -> list[RefKey]:
    """Those of `refs` (which exist, with their values) that need the ref `gone`."""
    return [key for key, value in refs.items() if any(gone in need.keys for need in needs(key, value))]


def holds(key: RefKey) -> bool:
    """Whether a ref of this kind keeps what it needs from being deleted. The other kinds are deleted along with it."""
    return isinstance(key, (AliasKey, LinkKey, VersionKey))


def root(key: RefKey, value: str | None) -> Root | None:
    """The record that the ref keeps alive with this value, or None."""
    match key:
        case VersionKey() | AttachmentKey() if value is not None and is_digest(value):
            return Root(value, isinstance(key, VersionKey))
        case LinkKey() if value is not None and (target := parse_link(value)):
            return Root(target.digest)
    return None


def mentions(key: RefKey, values: Iterable[str | None], name: str) -> bool:
    """Whether the ref, which has or had these values, concerns the collection: one of its own refs, or a link to one of
    its versions."""
    match key:
        case PartKey(whole, _):
            return mentions(whole, (), name)
        case (
            CollectionKey(owner) | VersionKey(owner, _) | AnnotationKey(owner, _) | CardKey(owner) | AliasKey(owner, _)
        ):
            return owner == name
        case LinkKey(model, _):
            targets = (parse_link(value) for value in values if value is not None)
            return model == name or any(target is not None and target.artifact == name for target in targets)
        case RunKey():
            return any(value is not None and value.partition(":")[0] == name for value in values)
    return False


def words(key: RefKey) -> str:
    """The ref, in words for messages."""
    match key:
        case CollectionKey(name):
            return f"{key.kind.noun} {name!r}"
        case VersionKey():
            return f"version {key.version}"
        case AnnotationKey(artifact, number):
            return f"the annotation of {artifact}:v{number}"
        case CardKey(model):
            return f"the card of {model!r}"
        case LinkKey():
            return f"link '{key.link}'"
        case AliasKey(collection, alias):
            return f"alias '{collection}:{alias}'"
        case RunKey(run, _):
            return f"what run {run!r} used"
        case PropertyKey(owner, name) if name.startswith(IMPORTED):
            return f"the record of imports into {words(owner)}"
        case PropertyKey(owner, name):
            return f"property {name!r} of {words(owner)}"
        case AttachmentKey(owner, name):
            return f"attachment {name!r} of {words(owner)}"
        case ConfigKey():
            return "the settings"
    return str(key)


def rank(key: RefKey) -> int:
    """Refs of a lower rank need none of a higher one."""
    match key:
        case AliasKey() | PartKey():
            return 3
        case LinkKey():
            return 2
        case VersionKey() | CardKey():
            return 1
        case AnnotationKey():
            return 2
    return 0
