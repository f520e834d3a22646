"""Artifacts and registered models themselves: create, remove, rename, describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mreg.operations.resolve import require_artifact, require_kind, require_model
from mreg.refs.view import View, alias_key, annotation_key, artifact_key, card_key, link_key, model_key, version_key
from mreg.session.context import Context
from mreg.values import names
from mreg.values.errors import Damaged, Refused
from mreg.values.names import fold

if TYPE_CHECKING:
    from mreg.refs.transaction import Draft
    from mreg.session.index import Index

DEFAULT_TYPE = "model"


class NameTaken(Refused):
    code = "name-taken"
    template = "{name!r} cannot be {what}: there is {kind} {other!r}"

    name: str
    what: str
    kind: str
    other: str


class NotEmpty(Refused):
    code = "not-empty"
    template = "{kind} {name!r} still holds {count} {things}"

    kind: str
    name: str
    count: int
    things: str


class Held(Refused):
    code = "held"
    template = "{what} is held by {holders}"

    what: str
    holders: str


class DamagedProperties(Damaged):
    code = "damaged-properties"
    template = "{key} is damaged: {reason}"

    key: str


# What artifact.toml and model.toml say.


def read_properties(text: str | None, key: str) -> dict[str, Any]:
    """The properties in the value of a .toml ref. Raises DamagedProperties."""
    import tomllib

    try:
        properties = tomllib.loads(text or "")
    except (ValueError, RecursionError) as error:  # not TOML, or an integer of thousands of digits
        raise DamagedProperties(key=key, reason=str(error)) from None
    tags = properties.get("tags", [])
    texts = [properties.get("type", ""), properties.get("description", ""), *(tags if isinstance(tags, list) else [0])]
    if not all(isinstance(text, str) for text in texts):
        raise DamagedProperties(key=key, reason="a property is of the wrong type")
    return properties


def change_properties(draft: Draft, key: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Draft what `change` does to the properties in the .toml ref `key`."""
    import tomli_w

    properties = read_properties(draft.value(key), key)
    change(properties)
    draft.set(key, tomli_w.dumps(properties, multiline_strings=False))


# Creating.


def ensure_artifact(context: Context, draft: Draft, name: str, type_: str = DEFAULT_TYPE) -> bool:
    """Draft the artifact where it does not exist; whether it was drafted. Raises NameTaken."""
    return _ensure(context, draft, artifact_key(name), name, {"type": type_, "description": ""})


def ensure_model(context: Context, draft: Draft, name: str) -> bool:
    """Draft the registered model where it does not exist; whether it was drafted. Raises NameTaken."""
    return _ensure(context, draft, model_key(name), name, {"description": "", "tags": []})


def _ensure(context: Context, draft: Draft, key: str, name: str, properties: dict[str, Any]) -> bool:
    if draft.value(key) is not None:
        return False
    kind = "an artifact" if key == artifact_key(name) else "a registered model"
    check_free(context, draft.view, name, kind)
    for other, other_kind in _names_drafted(draft):
        if fold(other) == fold(name):
            raise NameTaken(name=name, what=f"made {kind}", kind=other_kind, other=other)
    change_properties(draft, key, lambda present: present.update(properties))
    return True


def check_free(context: Context, view: View, name: str, kind: str) -> None:
    """Raises NameTaken where `name` may not become a new collection of this kind ("an artifact" or "a
    registered model"): the other kind has it, or a name that differs only in case is or was in use."""
    other_key = model_key(name) if kind == "an artifact" else artifact_key(name)
    other_kind = "a registered model" if kind == "an artifact" else "an artifact"
    if view.value(other_key) is not None:
        raise NameTaken(name=name, what=f"made {kind}", kind=other_kind, other=name)
    if view.links(name) if kind == "an artifact" else view.next_number(name):
        # NAME:vN means one version for ever, also when the collection is gone.
        raise NameTaken(name=name, what=f"made {kind}", kind=f"the history of {other_kind}", other=name)
    folded = fold(name)
    for other, other_kind in _names_ever(context.fresh_index()):
        if other != name and fold(other) == folded:
            raise NameTaken(name=name, what=f"made {kind}", kind=other_kind, other=other)


def _names_drafted(draft: Draft) -> list[tuple[str, str]]:
    """The collections that the same change makes."""
    kinds = {"artifact.toml": "an artifact", "model.toml": "a registered model"}
    parts = [key.split("/") for key, value in draft.new.items() if value is not None]
    return [(path[1], kinds[path[2]]) for path in parts if len(path) == 3 and path[2] in kinds]


def _names_ever(index: Index) -> list[tuple[str, str]]:
    found = [(name, "an artifact") for name in index.named("artifacts", "artifact.toml")]
    return found + [(name, "a registered model") for name in index.named("registered", "model.toml")]


class AliasTaken(Refused):
    code = "alias-taken"
    template = "{name!r} has or had an alias {other!r}, which differs from {alias!r} only in case"

    name: str
    alias: str
    other: str


def check_alias_free(context: Context, draft: Draft, name: str, alias: str) -> None:
    """Raises AliasTaken where the collection has or had, or gets by the same change, an alias that differs
    only in case."""
    if draft.value(alias_key(name, alias)) is not None:
        return
    prefix = alias_key(name, "")
    for key in (*context.fresh_index().refs(prefix), *draft.new):
        other = key.removeprefix(prefix)
        if other not in (key, alias) and other.lower() == alias.lower():
            raise AliasTaken(name=name, alias=alias, other=other)


def create_artifact(context: Context, name: str, type_: str, description: str) -> bool:
    """Make an empty artifact; False where it exists already."""
    names.check_name(name, "artifact name")
    made = False

    def build(draft: Draft) -> None:
        nonlocal made
        made = ensure_artifact(context, draft, name, type_)
        if made and description:
            change_properties(draft, artifact_key(name), lambda has: has.update(description=description))

    context.commit(f"artifact create {name}", build)
    return made


def create_model(context: Context, name: str, description: str, tags: list[str]) -> bool:
    """Make an empty registered model; False where it exists already."""
    names.check_name(name, "model name")
    wanted = [names.check_tag(tag) for tag in tags]
    made = False

    def build(draft: Draft) -> None:
        nonlocal made
        made = ensure_model(context, draft, name)
        if made:
            fields = {"description": description, "tags": sorted(set(wanted))}
            change_properties(draft, model_key(name), lambda has: has.update(fields))

    context.commit(f"model create {name}", build)
    return made


def describe(context: Context, name: str, text: str) -> None:
    """Set the description of an artifact or a registered model. Raises UnknownName."""

    def build(draft: Draft) -> None:
        kind = require_kind(context, draft.view, name)
        key = artifact_key(name) if kind == "artifact" else model_key(name)
        change_properties(draft, key, lambda has: has.update(description=text))

    context.commit(f"describe {name}", build)


# Removing.


def remove_artifact(context: Context, name: str, *, force: bool) -> int:
    """Delete an artifact; the journal entry that did it. Raises UnknownArtifact; without `force` also NotEmpty
    and Held."""

    def build(draft: Draft) -> None:
        view = draft.view
        require_artifact(context, view, name)
        live = [n for n in range(view.next_number(name)) if view.version(name, n).value is not None]
        if not force:
            check_not_held(context, draft, name, live)
            if live:
                raise NotEmpty(kind="artifact", name=name, count=len(live), things=_plural(live, "version"))
        release(context, draft, name, live)
        for number in live:
            drop_version(draft, name, number)
        draft.set(artifact_key(name), None)

    entry = context.commit(f"artifact rm {name}", build)
    assert entry is not None
    return entry.seq


def remove_model(context: Context, name: str, *, force: bool) -> int:
    """Delete a registered model; the journal entry that did it. Raises UnknownModel; without `force` also
    NotEmpty."""

    def build(draft: Draft) -> None:
        view = draft.view
        require_model(context, view, name)
        live = [number for number, _ in view.live_links(name)]
        if live and not force:
            raise NotEmpty(kind="registered model", name=name, count=len(live), things=_plural(live, "link"))
        for key in aliases_of(context, name):
            draft.set(key, None)
        for number in live:
            draft.set(link_key(name, number), None)
        draft.set(card_key(name), None)
        draft.set(model_key(name), None)

    entry = context.commit(f"model rm {name}", build)
    assert entry is not None
    return entry.seq


def drop_version(draft: Draft, artifact: str, number: int) -> None:
    """Draft the deletion of one version and of what was said of it."""
    draft.set(annotation_key(artifact, number), None)
    draft.set(version_key(artifact, number), None)


def check_not_held(context: Context, draft: Draft, artifact: str, numbers: list[int]) -> None:
    """Raises Held where an alias or a link names one of the versions, as the draft leaves them."""
    aliases, links = _aliases_at(context, draft, artifact, numbers), _links_at(context, draft, artifact, numbers)
    holders = [f"alias '{artifact}:{key.rpartition('/')[2]}'" for key in aliases]
    holders += [f"link '{key.split('/')[1]}:{key.partition('#')[2]}'" for key in links]
    if holders:
        what = f"{artifact}:v{numbers[0]}" if len(numbers) == 1 else f"a version of {artifact!r}"
        shown = holders if len(holders) <= 5 else [*holders[:5], f"{len(holders) - 5} more"]
        raise Held(what=what, holders=", ".join(shown))


def release(context: Context, draft: Draft, artifact: str, numbers: list[int]) -> None:
    """Draft the removal of every alias and link that names one of the versions, and of the aliases of
    those links."""
    for key in _aliases_at(context, draft, artifact, numbers):
        draft.set(key, None)
    for key in _links_at(context, draft, artifact, numbers):
        model, link = key.split("/")[1], key.partition("#")[2]
        for alias, value in aliases_of(context, model).items():
            if value == link:
                draft.set(alias, None)
        draft.set(key, None)


def aliases_of(context: Context, name: str) -> dict[str, str]:
    """The aliases of a collection: ref key to value (`vN`)."""
    found = context.fresh_index().refs(alias_key(name, ""))
    return {key: ref.value for key, ref in found.items() if ref.value is not None}


def _aliases_at(context: Context, draft: Draft, artifact: str, numbers: list[int]) -> list[str]:
    wanted = {f"v{number}" for number in numbers}
    return [key for key, value in aliases_of(context, artifact).items() if draft.new.get(key, value) in wanted]


def _links_at(context: Context, draft: Draft, artifact: str, numbers: list[int]) -> list[str]:
    wanted = {f"{artifact}:v{number}" for number in numbers}
    found = ((key, draft.new.get(key, value)) for key, value in all_links(context).items())
    return [key for key, value in found if value is not None and value.partition(" ")[0] in wanted]


def all_links(context: Context) -> dict[str, str]:
    """Every link of every registered model: ref key to value."""
    found = context.fresh_index().refs("registered/")
    return {key: ref.value for key, ref in found.items() if ref.value is not None and "/links#" in key}


def _plural(things: list[Any], word: str) -> str:
    return word if len(things) == 1 else f"{word}s"
