"""Types of artifacts and registered models, and which versions a registered model is for."""

from __future__ import annotations

from mreg.operations.collections import ensure
from mreg.refs import heading, properties
from mreg.refs.keys import CONFIG, ArtifactKey, CollectionKind, ModelKey
from mreg.refs.properties import DEFAULT_TYPE
from mreg.refs.transaction import Draft
from mreg.refs.view import Refs
from mreg.session.context import Context
from mreg.values.errors import Refused


class OtherType(Refused):
    code = "other-type"
    template = "{version} is of type {found!r}, and registered model {model!r} is for type {wanted!r}"

    version: str
    found: str
    model: str
    wanted: str


def ensure_model(context: Context, draft: Draft, model: str, artifact: str) -> bool:
    """Draft the registered model, for versions of the artifact's type, unless it exists; whether that was done. Raises
    NameTaken."""
    type_ = _type_of(draft, ArtifactKey(artifact)) if _have_types(draft) else DEFAULT_TYPE
    return ensure(context, draft, CollectionKind.MODEL, model, type_)


def check_link(refs: Refs, model: str, version: str, found: str) -> None:
    """Raises OtherType where the model exists, and is for versions of another type than `found`. Models of format 1
    have no types."""
    wanted = _type_of(refs, ModelKey(model)) if _have_types(refs) else None
    if wanted not in (None, found) and refs.value(ModelKey(model)) is not None:
        raise OtherType(version=version, found=found, model=model, wanted=str(wanted))


def type_of_artifact(refs: Refs, artifact: str) -> str:
    """The type, the default one of an artifact that does not exist."""
    return _type_of(refs, ArtifactKey(artifact))


def _type_of(refs: Refs, key: ArtifactKey | ModelKey) -> str:
    return properties.type_of(properties.read(key, refs.value(key)))


def _have_types(refs: Refs) -> bool:
    return heading.of(refs.value(CONFIG)).format > 1
