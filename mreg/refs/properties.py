"""What `artifact.toml` and `model.toml` say of a collection."""

from __future__ import annotations

from typing import Any

from mreg import lazy
from mreg.refs.keys import CollectionKey, CollectionKind
from mreg.values import toml
from mreg.values.canonical import Malformed
from mreg.values.errors import Damaged, check_text
from mreg.values.names import is_tag

DEFAULT_TYPE = "model"

_FIELDS = {CollectionKind.ARTIFACT: {"type", "description"}, CollectionKind.MODEL: {"description", "tags"}}
_TYPE = "type"


class DamagedProperties(Damaged):
    code = "damaged-properties"
    template = "{key} is damaged: {reason}"

    key: str


def read(key: CollectionKey, text: str | None) -> dict[str, Any]:
    """The properties in the ref's value, by name. Raises DamagedProperties."""
    try:
        properties = toml.loads(text or "")
    except Malformed as error:
        raise DamagedProperties(key=key, reason=str(error)) from None
    tags = properties.get("tags", [])
    texts = [properties.get("type", ""), properties.get("description", ""), *(tags if isinstance(tags, list) else [0])]
    if not all(isinstance(text, str) for text in texts):
        raise DamagedProperties(key=key, reason="a property has the wrong type")
    return properties


def encode(properties: dict[str, Any]) -> str:
    """The ref's value for these properties. Raises NotText."""
    for name, value in properties.items():
        if name != "tags":
            check_text(value, f"the {name}")
    return lazy.tomli_w.dumps(properties, multiline_strings=False)


def initial(kind: CollectionKind, type_: str = DEFAULT_TYPE) -> dict[str, Any]:
    """The properties of a new collection."""
    if kind is CollectionKind.ARTIFACT:
        return {_TYPE: type_, "description": ""}
    return ({} if type_ == DEFAULT_TYPE else {_TYPE: type_}) | {"description": "", "tags": []}


def type_of(properties: dict[str, Any]) -> str:
    """What kind of thing the versions are: of a registered model, those that it is for."""
    return str(properties.get(_TYPE, DEFAULT_TYPE))


def has_type(key: CollectionKey, text: str) -> bool:
    """Does a registered model say its type, which it can in format 2 only?"""
    try:
        return key.kind is CollectionKind.MODEL and _TYPE in read(key, text)
    except DamagedProperties:
        return False


def fault(key: CollectionKey, text: str) -> str | None:
    """Why the ref may not say `text`, or None."""
    try:
        properties = read(key, text)
    except DamagedProperties as error:
        return str(error.reason)
    wanted = _FIELDS[key.kind]
    typed = key.kind is CollectionKind.MODEL and properties.get(_TYPE, DEFAULT_TYPE) != DEFAULT_TYPE
    if properties.keys() - ({_TYPE} if typed else set()) != wanted:
        return f"its keys are not {' and '.join(sorted(wanted))}"
    tags = properties.get("tags", [])
    strange = next((tag for tag in tags if not is_tag(tag)), None)
    if strange is not None:
        return f"{strange!r} is not a tag"
    return None if tags == sorted(set(tags)) else "its tags are not sorted"
