"""Settings of one artifact, which take the place of the repository's for it: how long its versions are kept."""

from __future__ import annotations

from typing import Any, Final

from mreg.operations import expiry
from mreg.operations.expiry import DamagedPolicy
from mreg.operations.resolve import require_artifact
from mreg.refs.keys import ArtifactKey, Owner, PropertyKey, VersionKey
from mreg.refs.transaction import Draft
from mreg.session import config
from mreg.session.context import Context
from mreg.values import names, properties
from mreg.values.canonical import Malformed
from mreg.values.errors import InvalidInput

__all__ = ["DamagedPolicy"]

PREFIX: Final = "mreg.gc."
INHERIT: Final = "inherit"
OWN: Final = ("gc.keep-best", "gc.keep-last", "gc.keep-where", "gc.older-than")


class NotOfAnArtifact(InvalidInput):
    code = "not-of-an-artifact"
    template = "{name!r} is a setting of the whole repository"

    name: str


def artifact_settings(context: Context, artifact: str) -> dict[str, Any]:
    """The settings that the artifact has of its own. Raises UnknownArtifact, DamagedPolicy."""
    artifact = names.check_name(artifact, "artifact name")
    view = context.view()
    require_artifact(context, view, artifact)
    found = {name: view.value(key_of(artifact, name)) for name in OWN}
    return {name: value_of(key_of(artifact, name), text) for name, text in found.items() if text is not None}


def set_artifact_setting(context: Context, artifact: str, name: str, text: str) -> Any:
    """Give the artifact a setting of its own, or with INHERIT take it away; the value that counts then. Raises
    UnknownArtifact, UnknownSetting, NotOfAnArtifact, InvalidSetting, NeedsFormat."""
    artifact = names.check_name(artifact, "artifact name")
    config.setting(name)
    if name not in OWN:
        raise NotOfAnArtifact(name=name)
    value = context.setting(name) if text == INHERIT else config.parse(name, text)
    key = key_of(artifact, name)

    def build(draft: Draft) -> None:
        require_artifact(context, draft.view, artifact)
        draft.set(key, None if text == INHERIT else properties.encode(key.name, value))

    context.commit(f"config set {name} {text} --artifact {artifact}", build)
    return value


def key_of(artifact: str, name: str) -> PropertyKey:
    """Where the artifact's own value of the setting is kept."""
    return PropertyKey(ArtifactKey(artifact), f"mreg.{name}")


def value_of(key: PropertyKey, text: str) -> Any:
    """What the property says. A rule that is not understood must not be one that keeps nothing. Raises
    DamagedPolicy."""
    artifact, name = key.owner.name if isinstance(key.owner, ArtifactKey) else str(key.owner), key.name[len("mreg.") :]
    try:
        value = properties.decode(text)
        reason = _fault(name, value)
    except Malformed as error:
        reason = str(error)
    if reason:
        raise DamagedPolicy(owner=artifact, key=key.name, reason=reason)
    return value


def _fault(name: str, value: Any) -> str | None:
    if name not in OWN:
        return f"artifacts have no setting {name}"
    reason = config.fault(name, value)
    if reason or not isinstance(value, list):
        return reason
    try:
        config.parse(name, " ".join(value))
    except config.InvalidSetting as error:
        return error.reason
    return None


def check_property(owner: Owner, key: str, value: Any) -> None:
    """Raises InvalidProperty where mreg itself follows the property and could not follow this value."""
    if key.startswith(PREFIX):
        reason = _fault(key[len("mreg.") :], value) if isinstance(owner, ArtifactKey) else "only artifacts have it"
    elif key == expiry.TTL:
        reason = expiry.fault(value) if isinstance(owner, VersionKey) else "only versions have it"
    else:
        return
    if reason:
        raise properties.InvalidProperty(key=key, reason=reason)
