"""Listings: collections, aliases, links and versions, as the lookup tables have them.

Fast, and only as good as the tables: decisions about a change ask `mreg.refs.view` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeVar

from mreg.refs import keys, properties, view
from mreg.refs.keys import (
    AliasKey,
    AnnotationKey,
    CardKey,
    CollectionKey,
    CollectionKind,
    LinkKey,
    ModelKey,
    RefKey,
    VersionKey,
)
from mreg.refs.ref_files import DamagedRef
from mreg.values.card import CardFacts, facts_of
from mreg.values.named_tuple import NamedTuple
from mreg.values.ref_texts import LinkTarget

if TYPE_CHECKING:
    from mreg.session.index import Index


_T = TypeVar("_T")


def listed_collections(index: Index, kind: CollectionKind) -> dict[CollectionKey, str]:
    """All artifacts, or all registered models, sorted by name, with the values of their refs."""
    found = _live(index, keys.KIND_FOLDER[kind], keys.KIND_ENDING[kind])
    return {key: value for key, value in sorted(found.items()) if isinstance(key, CollectionKey)}


def listed_page(index: Index, kind: CollectionKind, after: str, limit: int) -> dict[CollectionKey, str]:
    """As `listed_collections`, at most `limit` of them, those behind the one called `after`. What this costs follows
    how many they are."""
    found: dict[CollectionKey, str] = {}
    while len(found) < limit:
        names = index.folders_after(keys.KIND_FOLDER[kind], after, limit - len(found))
        if not names:
            break
        values = index.values([kind.key(name) for name in names])
        found |= {kind.key(name): values[kind.key(name)] for name in names if kind.key(name) in values}
        after = names[-1]
    return found


def listed_names(index: Index, *kinds: CollectionKind) -> list[str]:
    """The names of all collections of these kinds (default: of any kind), sorted."""
    return sorted(key.name for kind in kinds or CollectionKind for key in listed_collections(index, kind))


def listed_aliases(index: Index, collection: str | None) -> dict[AliasKey, int]:
    """The aliases of a collection, or of all, sorted, each with the number it points at. Raises DamagedRef."""
    prefix = keys.ALL_ALIASES if collection is None else keys.in_aliases(collection)

    def read() -> dict[AliasKey, int]:
        found = sorted(_live(index, prefix).items())
        return {key: view.alias_number(key, value) for key, value in found if isinstance(key, AliasKey)}

    return _understood(index, read)


def listed_links(index: Index, model: str) -> dict[LinkKey, LinkTarget]:
    """The links of a registered model, in link order. Raises DamagedRef."""
    return _targets(index, lambda: _values(index, keys.in_links(model)))


def listed_notes(index: Index) -> dict[AnnotationKey, str]:
    """The annotations that tag a version, in the order of the versions. (More may be among them: read them.)"""
    found = _values(index, keys.KIND_FOLDER[CollectionKind.ARTIFACT], ".toml").items()
    tagging = ((keys.parse(key), text) for key, text in found if "tags = [" in text)
    notes = {key: text for key, text in tagging if isinstance(key, AnnotationKey)}
    return {key: notes[key] for key in sorted(notes, key=lambda key: (key.artifact, key.number))}


def all_listed_links(index: Index) -> dict[LinkKey, LinkTarget]:
    """The links of all registered models. Raises DamagedRef."""
    return _targets(index, lambda: _values(index, keys.ALL_MODELS))


class Holder(NamedTuple):
    """A registered model that links a version: the link (`model:vN`), the model's aliases on it (`model:alias`), its
    tags, and what its card says."""

    link: str
    aliases: list[str]
    tags: list[str]
    card: CardFacts


def listed_holders(index: Index, versions: Collection[str]) -> dict[str, list[Holder]]:
    """Who holds each of these versions (`artifact:vN`), sorted by link. Raises DamagedRef, DamagedProperties."""
    links = _targets(index, lambda: index.links_to(versions))
    models = sorted({key.model for key in links})
    aliases = {model: listed_aliases(index, model) for model in models}
    tags = _understood(index, lambda: {model: _tags(index, ModelKey(model)) for model in models})
    cards = {model: listed_card(index, model) for model in models}
    found: dict[str, list[Holder]] = {}
    for key, target in sorted(links.items(), key=lambda link: link[0].link):
        words = [f"{key.model}:{one.alias}" for one, number in aliases[key.model].items() if number == key.number]
        found.setdefault(target.version, []).append(Holder(key.link, words, tags[key.model], cards[key.model]))
    return found


def listed_card(index: Index, model: str) -> CardFacts:
    """What the card of a registered model says."""
    card = index.ref(CardKey(model))
    return facts_of((card.value if card else None) or "")


def _tags(index: Index, key: ModelKey) -> list[str]:
    ref = index.ref(key)
    return list(properties.read(key, ref.value if ref else None).get("tags", []))


def listed_versions(index: Index, artifact: str) -> dict[VersionKey, str]:
    """The versions of an artifact in their order, each with the digest of its record."""
    found = [
        (key, value) for key, value in _live(index, keys.in_artifact(artifact)).items() if isinstance(key, VersionKey)
    ]
    return dict(sorted(found, key=lambda row: row[0].number))


def _targets(index: Index, values: Callable[[], dict[str, str]]) -> dict[LinkKey, LinkTarget]:
    def read() -> dict[LinkKey, LinkTarget]:
        found = {keys.parse(key): value for key, value in values().items()}
        links = sorted((key for key in found if isinstance(key, LinkKey)), key=lambda key: (key.model, key.number))
        return {key: view.link_target(key, found[key]) for key in links}

    return _understood(index, read)


def _understood(index: Index, read: Callable[[], _T]) -> _T:
    """What `read` finds in the tables. A value that no ref may have is damage only if the journal has it too."""
    try:
        return read()
    except (DamagedRef, properties.DamagedProperties):
        index.start_anew(index.look)
        return read()


def _live(index: Index, prefix: str, ending: str = "") -> dict[RefKey, str]:
    return {keys.parse(key): value for key, value in _values(index, prefix, ending).items()}


def _values(index: Index, prefix: str, ending: str = "") -> dict[str, str]:
    return {key: ref.value for key, ref in index.refs(prefix, ending).items() if ref.value is not None}
