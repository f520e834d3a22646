"""From what a user typed to one version."""

from __future__ import annotations

from typing import NamedTuple

from mreg.refs.ref_files import DamagedRef
from mreg.refs.view import View, alias_key, artifact_key, model_key, version_key
from mreg.session.context import Context
from mreg.values import names
from mreg.values.digest import is_digest
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.names import Reference, Selector, near


class UnknownRemote(NotFound):
    code = "unknown-remote"
    template = "there is no remote {name!r}"

    name: str


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
    template = "more than one version of {name!r} starts with @{prefix}"

    name: str
    prefix: str


class Resolved(NamedTuple):
    """One version: the artifact it belongs to, its number there, and the digest of its record; where it was
    named through a registered model, that model's name and the number of the link."""

    artifact: str
    number: int
    digest: str
    model: str | None = None
    link: int | None = None

    @property
    def name(self) -> str:
        """`artifact:vN`, which means this version for ever."""
        return f"{self.artifact}:v{self.number}"


def resolve(context: Context, reference: str | Reference) -> Resolved:
    """The version meant. Raises InvalidReference, InvalidName, NotFound with the nearest names, Damaged."""
    wanted = names.parse_reference(reference) if isinstance(reference, str) else reference
    while True:
        view = context.quick_view()
        try:
            return resolve_in(context, view, wanted)
        except NotFound:
            if not view.moved():  # else a writer was half-way through what we read: look again
                _check_not_lost(context, wanted)
                raise


def _check_not_lost(context: Context, wanted: Reference) -> None:
    """What was not found may have been lost: raises DamagedRef where the journal knows better."""
    name, selector = wanted.name, wanted.selector
    view = context.view()
    keys = [artifact_key(name), model_key(name)]
    if selector.alias is not None:
        keys.append(alias_key(name, selector.alias))
    if selector.number is not None:
        keys.append(version_key(name, selector.number))
    if selector == Selector():
        keys += context.fresh_index().refs(f"artifacts/{name}/v")
    for key in keys:
        view.ref(key)
    view.links(name)


def resolve_in(context: Context, view: View, wanted: Reference) -> Resolved:
    """The version meant, as `view` has it. Raises as `resolve` does."""
    if wanted.remote:
        raise UnknownRemote(name=wanted.remote, near=[])
    inside = _in_artifact if require_kind(context, view, wanted.name) == "artifact" else _in_model
    return inside(context, view, wanted)


def kind_of(view: View, name: str) -> str | None:
    """`artifact`, `model`, or None where nothing has this name."""
    if view.value(artifact_key(name)) is not None:
        return "artifact"
    return "model" if view.value(model_key(name)) is not None else None


def require_kind(context: Context, view: View, name: str) -> str:
    """`artifact` or `model`. Raises UnknownName, InvalidName."""
    kind = kind_of(view, names.check_name(name))
    if kind is None:
        raise UnknownName(name=name, near=near(name, existing_names(context)))
    return kind


def require_artifact(context: Context, view: View, name: str) -> None:
    """Raises UnknownArtifact, InvalidName."""
    if view.value(artifact_key(names.check_name(name, "artifact name"))) is None:
        raise UnknownArtifact(name=name, near=near(name, existing_names(context, "artifact")))


def require_model(context: Context, view: View, name: str) -> None:
    """Raises UnknownModel, InvalidName."""
    if view.value(model_key(names.check_name(name, "model name"))) is None:
        raise UnknownModel(name=name, near=near(name, existing_names(context, "model")))


def existing_names(context: Context, kind: str | None = None) -> list[str]:
    """The names of all artifacts, all registered models, or both."""
    index = context.fresh_index()
    found = index.named("artifacts", "artifact.toml") if kind != "model" else {}
    found |= index.named("registered", "model.toml") if kind != "artifact" else {}
    return sorted(name for name, ref in found.items() if ref.value is not None)


def alias_names(context: Context, name: str) -> list[str]:
    """The aliases that a collection has."""
    prefix = alias_key(name, "")
    found = context.fresh_index().refs(prefix)
    return sorted(key.removeprefix(prefix) for key, ref in found.items() if ref.value is not None)


def parse_link(model: str, number: int, value: str) -> Resolved:
    """The version that a link's value names. Raises DamagedRef."""
    target, _, version = value.partition(" ")
    artifact, _, selector = target.partition(":")
    artifact_number = names.parse_version(selector)
    if artifact_number is None or not is_digest(version) or not names.is_name(artifact):
        raise DamagedRef(ref=f"registered/{model}/links", reason=f"link v{number} names no version")
    return Resolved(artifact, artifact_number, version, model, number)


def _in_artifact(context: Context, view: View, wanted: Reference) -> Resolved:
    name, selector = wanted.name, wanted.selector
    if selector.prefix:
        return _by_digest(name, selector.prefix, _artifact_versions(context, view, name))
    number = _number(context, view, wanted)
    if number is None:
        number = view.latest(name)
        if number is None:
            raise EmptyCollection(name=name, near=[])
    ref = view.version(name, number)
    if ref.value is None:
        raise _missing(name, number, deleted=ref.seq > 0)
    return Resolved(name, number, ref.value)


def _in_model(context: Context, view: View, wanted: Reference) -> Resolved:
    model, selector = wanted.name, wanted.selector
    links = view.links(model)
    live = {n: parse_link(model, n, ref.value) for n, ref in links.items() if ref.value is not None}
    if selector.prefix:
        return _by_digest(model, selector.prefix, list(live.values()))
    number = _number(context, view, wanted)
    if number is None:
        number = max(live, default=None)
        if number is None:
            raise EmptyCollection(name=model, near=[])
    if number not in live:
        raise _missing(model, number, deleted=number in links)
    return live[number]


def _number(context: Context, view: View, wanted: Reference) -> int | None:
    """The version number that the selector states or its alias holds; None for `latest`."""
    name, (number, alias, _), _ = wanted
    if alias is None:
        return number
    value = view.value(alias_key(name, alias))
    if value is None:
        raise UnknownAlias(name=name, alias=alias, near=near(alias, alias_names(context, name)))
    number = names.parse_version(value)
    if number is None:
        raise DamagedRef(ref=alias_key(name, alias), reason="it holds no version number")
    return number


def _artifact_versions(context: Context, view: View, name: str) -> list[Resolved]:
    versions = ((n, view.version(name, n).value) for n in range(view.next_number(name)))
    return [Resolved(name, n, digest) for n, digest in versions if digest is not None]


def _by_digest(name: str, prefix: str, candidates: list[Resolved]) -> Resolved:
    found = {match.digest: match for match in candidates if match.digest.startswith(prefix)}
    if len(found) > 1:
        raise AmbiguousDigest(name=name, prefix=prefix)
    if not found:
        raise UnknownVersion(name=name, selector=f"@{prefix}", near=[])
    return next(iter(found.values()))


def _missing(name: str, number: int, *, deleted: bool) -> NotFound:
    kind = DeletedVersion if deleted else UnknownVersion
    return kind(name=name, selector=f"v{number}", near=[])
