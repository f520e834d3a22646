"""Which versions are to travel."""

from __future__ import annotations

from collections.abc import Set

from mreg import operations
from mreg.operations.resolve import Resolved, resolve
from mreg.refs.keys import ModelKey
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.sync.faults import UnknownTravelName
from mreg.sync.request import NothingChosen, Request
from mreg.values.names import near


def chosen(source: Context, view: View, request: Request) -> list[Resolved]:
    """The versions, each once, sorted by artifact and number. Raises NothingChosen, NotFound,
    UnknownTravelName."""
    if request.where:
        found = operations.selecting.selected(source, view, request.where, request.references)
    elif request.every:
        found = operations.selecting.all_within(source, view, request.references)
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
