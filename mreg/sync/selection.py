"""Which versions are to travel."""

from __future__ import annotations

from collections.abc import Set

from mreg import operations
from mreg.operations.resolve import Resolved, resolve
from mreg.refs.keys import CollectionKind, ModelKey
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.sync.faults import UnknownTravelName
from mreg.sync.request import NothingChosen, Request
from mreg.values.names import near


def chosen(source: Context, view: View, request: Request) -> list[Resolved]:
    """The versions, each once, sorted by artifact and number. Raises NothingChosen, NotFound,
    UnknownTravelName."""
    if request.where:
        found = _matching(source, request)
    elif request.every:
        found = _all(source, view, request.references)
    else:
        found = [resolve(source, one, view) for one in request.references]
    unique = {(one.artifact, one.number): one._replace(model=None, link=None) for one in found}
    if not unique and not request.collections:
        raise NothingChosen(verb=request.verb, reason="no version is selected")
    _check_names(view, request, {artifact for artifact, _ in unique})
    return [unique[key] for key in sorted(unique)]


def _check_names(view: View, request: Request, artifacts: Set[str]) -> None:
    """A name that is misspelt would let versions arrive under the one that was to be avoided. Raises
    UnknownTravelName."""
    for name in request.names:
        if name not in artifacts and not (request.links and view.value(ModelKey(name)) is not None):
            raise UnknownTravelName(name=name, near=near(name, sorted(artifacts)))


def _matching(source: Context, request: Request) -> list[Resolved]:
    wanted = operations.search.Wanted(where=request.where, within=request.references)
    found = operations.search.find(source, wanted)
    return [Resolved(one.artifact, one.number, one.digest) for one in found]


def _all(source: Context, view: View, names: tuple[str, ...]) -> list[Resolved]:
    """All versions of these collections; of all artifacts where none is named."""
    if not names:
        names = tuple(key.name for key in view.collections(CollectionKind.ARTIFACT))
    found = []
    for name in names:
        if operations.resolve.require_kind(source, view, name) is CollectionKind.ARTIFACT:
            found += [Resolved(name, key.number, digest) for key, digest in view.versions(name).items()]
        else:
            found += [Resolved(to.artifact, to.number, to.digest) for to in view.links(name).values()]
    return found
