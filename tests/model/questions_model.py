"""The model's answers to the questions that are about more than one thing: search, diff, du."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from comparing import CONTENTS
from registry_model import Found, Registry, exact


def search(model: Registry, text: str, tags: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The names of models, artifacts and versions in which the text stands. With tags only models that have them,
    and versions that these link; versions only where there is a text or a tag."""

    def stands_in(name: str, words: Iterable[str]) -> bool:
        said = [*words, *(alias for owner, alias in model.aliases if owner == name)]
        return any(text.casefold() in word.casefold() for word in said)

    models = [
        name
        for name, one in sorted(model.models.items())
        if one.there and one.tags.issuperset(tags) and stands_in(name, [name, one.description, one.card, *one.tags])
    ]
    linked: dict[tuple[str, int], set[str]] = {}
    for one in model.models.values():
        for link in one.links if one.there else ():
            linked.setdefault(one.ever[link][:2], set()).update(one.tags)
    there = [(name, one) for name, one in sorted(model.artifacts.items()) if one.there]
    artifacts = [name for name, one in there if stands_in(name, [name, one.description, one.type])]
    versions = [
        f"{name}:v{number}"
        for name, one in there
        for number in sorted(one.versions)
        if (text or tags) and _mentions(model, Found(name, number), text.casefold())
        if not tags or linked.get((name, number), set()).issuperset(tags)
    ]
    if tags:
        artifacts = []
    return models, artifacts, versions


def _mentions(model: Registry, found: Found, text: str) -> bool:
    version = model.version(found)
    aliases = [alias for key, number in model.aliases.items() if (key[0], number) == found[:2] for alias in key[1:]]
    said = [version.message, version.run or "", *aliases]
    said += [f"{key}={value}" for key, value in version.metadata.items()]
    return any(text in word.casefold() for word in said)


def diff(model: Registry, before: str, after: str) -> dict[str, Any]:
    """The paths that were added, removed and changed, and the metadata that differs."""
    old, new = (model.version(model.resolve(reference)) for reference in (before, after))
    files, others = CONTENTS[old.content], CONTENTS[new.content]
    keys = sorted(old.metadata.keys() | new.metadata.keys())
    pairs = {key: (old.metadata.get(key), new.metadata.get(key)) for key in keys}
    return {
        "added": sorted(others.keys() - files.keys()),
        "removed": sorted(files.keys() - others.keys()),
        "changed": sorted(path for path in files.keys() & others.keys() if files[path] != others[path]),
        "metadata": {key: pair for key, pair in pairs.items() if exact(pair[0]) != exact(pair[1])},
    }


def usage(model: Registry, name: str | None) -> dict[str, tuple[int, int, int]]:
    """Versions, and their bytes, all of them and equal files counted once: of all together (""), and one by one."""
    artifacts = {artifact: one for artifact, one in model.artifacts.items() if one.there}
    if name is None:
        items = {artifact: [Found(artifact, number) for number in one.versions] for artifact, one in artifacts.items()}
    else:
        model.numbers(name)  # is there such a collection?
        if name in artifacts:
            versions = [Found(name, number) for number in artifacts[name].versions]
        else:
            versions = [Found(*model.models[name].ever[link][:2]) for link in model.models[name].links]
        items = {f"{one.artifact}:v{one.number}": [one] for one in versions}
    return {"": _sizes(model, [one for found in items.values() for one in found])} | {
        item: _sizes(model, found) for item, found in items.items()
    }


def _sizes(model: Registry, found: list[Found]) -> tuple[int, int, int]:
    contents = [CONTENTS[model.version(one).content] for one in found]
    files = [data for content in contents for data in content.values()]
    return len(found), sum(map(len, files)), sum(map(len, set(files)))
