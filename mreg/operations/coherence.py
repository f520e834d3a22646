"""Whether refs fit together after a change that puts back old values: what they name must be there, and nothing
may be left hanging on what goes.

Other commands need not ask, each is made so that it cannot break this. An undo brings values of another time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from mreg.operations.collections import Held, NameTaken, aliases_of, check_free, check_not_held
from mreg.operations.resolve import parse_link
from mreg.refs.view import annotation_key, artifact_key, card_key, link_key, model_key, version_key
from mreg.session.context import Context
from mreg.values.names import parse_version

if TYPE_CHECKING:
    from mreg.refs.transaction import Draft


def fault(context: Context, draft: Draft) -> str | None:
    """Why the refs would not fit together after this change, or None. Judges what the change moves, and what
    names that."""
    for key, value in draft.new.items():
        reason = _left_hanging(draft, key) if value is None else _not_there(context, draft, key, value)
        if reason:
            return reason
    return _linked_twice(draft) or _held(context, draft)


# What comes back must find what it stands on.


def _not_there(context: Context, draft: Draft, key: str, value: str) -> str | None:
    match key.split("/"):
        case ["artifacts", name, "artifact.toml"]:
            return _name_taken(context, draft, name, key, "an artifact")
        case ["registered", name, "model.toml"]:
            return _name_taken(context, draft, name, key, "a registered model")
        case ["artifacts", name, file] if file.endswith(".toml"):
            number = file.removesuffix(".toml")
            return None if draft.value(f"artifacts/{name}/{number}") else f"{name}:{number} is not there"
        case ["artifacts", name, _]:
            return None if draft.value(artifact_key(name)) else f"there is no artifact {name!r} any more"
        case ["registered", name, line]:
            if draft.value(model_key(name)) is None:
                return f"there is no registered model {name!r} any more"
            return _link_fault(draft, name, line.partition("#")[2], value) if "#" in line else None
        case ["aliases", name, alias] if not _is_there(draft, name, value):
            return f"alias '{name}:{alias}' would point at {name}:{value}, which is not there"
    return None


def _name_taken(context: Context, draft: Draft, name: str, key: str, kind: str) -> str | None:
    if draft.view.value(key) is not None:
        return None  # it only says something else
    try:
        check_free(context, draft.view, name, kind)
    except NameTaken as error:
        return str(error)
    return None


def _link_fault(draft: Draft, model: str, line: str, value: str) -> str | None:
    target = parse_link(model, parse_version(line) or 0, value)
    if draft.value(version_key(target.artifact, target.number)) != target.digest:
        return f"link '{model}:{line}' would name {target.name}, which is not there"
    return None


def _linked_twice(draft: Draft) -> str | None:
    """A version is linked once in a model."""
    for model in sorted({key.split("/")[1] for key, value in draft.new.items() if value and "/links#" in key}):
        seen: dict[str, int] = {}
        for number, value in _links(draft, model).items():
            target = parse_link(model, number, value)
            first = seen.setdefault(target.digest, number)
            if first != number:
                return f"{target.name} would be linked twice, as {model}:v{first} and {model}:v{number}"
    return None


def _is_there(draft: Draft, name: str, selector: str) -> bool:
    """Is this a version of an artifact, or a link of a model, after the change?"""
    number = parse_version(selector)
    keys = () if number is None else (version_key(name, number), link_key(name, number))
    return any(draft.value(key) is not None for key in keys)


# Nothing may be left hanging on what goes.


def _left_hanging(draft: Draft, key: str) -> str | None:
    match key.split("/"):
        case ["artifacts", name, "artifact.toml"]:
            return _still_holds(f"artifact {name!r}", "version", len(_versions(draft, name)))
        case ["registered", name, "model.toml"]:
            if draft.value(card_key(name)) is not None:
                return f"registered model {name!r} has a card by now"
            return _still_holds(f"registered model {name!r}", "link", len(_links(draft, name)))
        case ["artifacts", name, file]:
            number = parse_version(file)
            if number is not None and draft.value(annotation_key(name, number)) is not None:
                return f"{name}:v{number} was annotated since"
    return None


def _still_holds(what: str, thing: str, count: int) -> str | None:
    return f"{what} holds {count} {thing}{'s' if count > 1 else ''} by now" if count else None


def _versions(draft: Draft, artifact: str) -> list[int]:
    """The numbers of the artifact's versions, after the change."""
    numbers = range(draft.view.next_number(artifact))
    return [number for number in numbers if draft.value(version_key(artifact, number)) is not None]


def _links(draft: Draft, model: str) -> dict[int, str]:
    """The model's links, after the change."""
    found = {n: draft.new.get(link_key(model, n), ref.value) for n, ref in draft.view.links(model).items()}
    return {number: value for number, value in found.items() if value is not None}


def _held(context: Context, draft: Draft) -> str | None:
    """Does an alias or a link name a version or a link that goes?"""
    versions: dict[str, list[int]] = defaultdict(list)
    links: dict[str, list[str]] = defaultdict(list)
    for key in (key for key, value in draft.new.items() if value is None):
        folder, name, last = (*key.split("/"), "")[:3]
        number = parse_version(last)
        if folder == "artifacts" and number is not None:
            versions[name].append(number)
        elif folder == "registered" and "#" in last:
            links[name].append(last.partition("#")[2])
    try:
        for artifact, numbers in versions.items():
            check_not_held(context, draft, artifact, numbers)
    except Held as error:
        return str(error)
    for model, gone in links.items():
        for key, value in aliases_of(context, model).items():
            if draft.new.get(key, value) in gone:
                return f"{model}:{draft.new.get(key, value)} is held by alias '{model}:{key.rpartition('/')[2]}'"
    return None
