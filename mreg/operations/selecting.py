"""Which versions a filter selects, judged from the journal and the records alone: for what is sent or recorded.

`mreg.operations.search` finds them by the lookup tables, which is many times as fast. But a row that is missing from
these would leave out a version that is to be sent, and nothing would tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

from mreg.operations.described import artifact_type, describe, holders_in
from mreg.operations.query import load_records
from mreg.operations.resolve import Resolved, require_kind
from mreg.refs import keys
from mreg.refs.keys import AnnotationKey, ArtifactKey, CollectionKind, VersionKey
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import annotation, names
from mreg.values.entities import Version
from mreg.values.filters.errors import UnknownKey
from mreg.values.filters.filter import Filter
from mreg.values.filters.tree import tests
from mreg.values.metadata import flatten

_OF_MODELS: Final = frozenset(("alias", "base_model", "license", "link", "model", "tag"))
"""Fields that the registered models which link a version have a say in."""


def selected(context: Context, view: View, filters: Sequence[Filter], within: Sequence[str] = ()) -> list[Resolved]:
    """The versions that match all filters, by artifact and number. within: artifacts and registered models; none:
    everywhere. Raises UnknownName, UnknownKey, Damaged."""
    every = _described(context, view, _within(context, view, within), filters)
    _check_keys(every, filters)
    now = datetime.now(UTC)
    found = [one for one in every if all(filter.matches(one, now=now) for filter in filters)]
    return [Resolved(one.artifact, one.number, one.digest) for one in found]


def all_within(context: Context, view: View, collections: Sequence[str]) -> list[Resolved]:
    """All versions of these collections; of all artifacts where none is named. Raises UnknownName."""
    if not collections:
        collections = [key.name for key in view.collections(CollectionKind.ARTIFACT)]
    found = []
    for name in map(names.check_name, collections):
        if require_kind(context, view, name) is CollectionKind.ARTIFACT:
            found += [Resolved(name, key.number, digest) for key, digest in view.versions(name).items()]
        else:
            found += [Resolved(to.artifact, to.number, to.digest) for to in view.links(name).values()]
    return found


def _within(context: Context, view: View, collections: Sequence[str]) -> list[Resolved]:
    """Each version once, by artifact and number."""
    return sorted(set(all_within(context, view, collections)))


def _described(context: Context, view: View, versions: Sequence[Resolved], filters: Sequence[Filter]) -> list[Version]:
    """What the filters ask of them."""
    asked = {test.key.name for one in filters for test in tests(one.tree) if test.key.field}
    records = load_records(context, context.tables(view.look), list({one.digest for one in versions}))
    holders = holders_in(view) if asked & _OF_MODELS else {}

    @cache
    def of_artifact(artifact: str) -> tuple[str, Mapping[AnnotationKey, str], Mapping[int, Sequence[str]]]:
        type_ = artifact_type(artifact, view.value(ArtifactKey(artifact)))
        notes = view.live(keys.in_artifact(artifact), AnnotationKey)
        return type_, notes, _aliases(view, artifact) if "alias" in asked else {}

    found = []
    for one in versions:
        type_, notes, aliases = of_artifact(one.artifact)
        note = AnnotationKey(one.artifact, one.number)
        said = annotation.effective(records[one.digest], notes.get(note), note)
        held, own = holders.get(VersionKey(one.artifact, one.number), []), aliases.get(one.number, ())
        found.append(describe(one, records[one.digest], said, aliases=own, holders=held, type_=type_))
    return found


def _aliases(view: View, collection: str) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, number in view.aliases(collection).items():
        found.setdefault(number, []).append(key.alias)
    return found


def _check_keys(versions: Sequence[Version], filters: Sequence[Filter]) -> None:
    """Raises UnknownKey where no version has a key of metadata that a filter names, unless it asks only whether one
    has it, and no key is spelt much like it."""
    wanted = {test.key for one in filters for test in tests(one.tree) if not test.key.field}
    if not (wanted and versions):
        return
    known = {name for one in versions for name in flatten(one.metadata)}
    for one in filters:
        every = tests(one.tree)
        asked = {test.key for test in every if test.op == "has"}
        for key in dict.fromkeys(test.key for test in every):
            if key.field or key.name in known:
                continue
            near = names.near(key.name, sorted(known))
            if key not in asked or any(names.is_slip(key.name, other) for other in near):
                at, length = one.place(key)
                raise UnknownKey(key=key.name, text=one.text, at=at, length=length, near=near)
