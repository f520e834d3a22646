"""`mreg ls`."""

from collections import defaultdict
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from mreg import cli
from mreg.cli import commands, tables
from mreg.cli.choosing import split, told
from mreg.cli.commands.filtering import Listing, limited, list_versions
from mreg.cli.commands.params import (
    AtOption,
    ColumnsOption,
    CountOption,
    ExitCodeOption,
    KeysOption,
    OnlyChangedOption,
    WhereOption,
)
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.state import State
from mreg.values.filters.errors import UnknownKey
from mreg.values.filters.meaning import elements_of, type_of
from mreg.values.metadata import flatten
from mreg.values.names import composed, near as names_near

if TYPE_CHECKING:
    from mreg import Version

_T = TypeVar("_T")
_NONE = object()
_LAST = 3


_SORT_KEYS: dict[str, Callable[["Version"], Any]] = {
    "number": lambda version: version.number,
    "size": lambda version: version.size,
    "files": lambda version: version.files,
    "created": lambda version: version.created,
    "age": lambda version: -version.created.timestamp(),
    **{key: attrgetter(key) for key in ("author", "host", "message")},
}


def ls(
    state: State,
    names: Annotated[
        list[str] | None,
        Argument(
            metavar="[NAME...]",
            help="An artifact or a registered model; or references to compare.",
            parse=composed,
        ),
    ] = None,
    where: WhereOption = None,
    tag: Annotated[
        list[str] | None, Option("--tag", metavar="TAG", help="Only versions that have this tag. Repeatable.")
    ] = None,
    only_changed: OnlyChangedOption = False,
    count: CountOption = False,
    keys: KeysOption = False,
    exit_code: ExitCodeOption = False,
    columns: ColumnsOption = None,
    sort: Annotated[
        str | None,
        Option("--sort", metavar="KEY[,KEY]", help="number, size, files, created, metadata key; -KEY reverses."),
    ] = None,
    limit: Annotated[
        int | None,
        Option("--limit", metavar="N", least=0, help="Show at most N (0: all): the newest, or the first by --sort."),
    ] = None,
    at: AtOption = None,
) -> int:
    """List collections, or the versions of one.

    For each collection: its latest version, the number of versions, the size of the latest, and the time of the last
    change. For an artifact: number, aliases, size, files, age, the metadata selected by --columns, message. For a
    registered model: its links. With --at: the state at that time, and the entry behind each row.
    """
    wanted = split(columns)
    if names and len(names) == 1:
        names = [rest] if (rest := state.enter(names[0])) else []
    asked = Listing(where or [], tag or [], sort, wanted, only_changed, limit, count, keys, exit_code)
    if at is not None:
        if asked.is_search(names or ()) or sort:
            raise BadUsage("--at can only be combined with one name, --columns and --limit")
        commands.past.ls(state, names[0] if names else None, wanted, limit or None, at)
        return 0
    if asked.is_search(names or ()):
        return list_versions(state, names or (), asked)
    if not names:
        if wanted or sort:
            raise BadUsage(
                "requires the name of an artifact or a model; `mreg search` lists versions of all",
                name="--columns" if wanted else "--sort",
            )
        tables.list_collections(state, limit or None)
        return 0
    [name] = names
    repository = state.repository()
    if repository.kind(name) == "model":
        links, total = tables.links_of(repository, name, None if sort else limit or None)
        shown = limited(_sorted(links, sort, lambda pair: pair[1]), limit, sort)
        chosen = cli.columns.asked(repository, wanted, [version for _, version in shown], names)
        tables.emit_links(state, repository, name, shown, chosen)
        tables.tell_awaited(state, repository, name)
        tables.tell_left_out(state, total - len(shown), *_words("link", sort))
        return 0
    if limit and not sort:
        versions = repository.versions(name, newest=limit)
        total = repository.artifact(name).versions if len(versions) == limit else 0
    elif limit and sort and (first := _first(state, name, sort, limit)):
        versions, total = first, repository.artifact(name).versions
    else:
        every = _sorted(repository.versions(name), sort, lambda version: version)
        versions, total = limited(every, limit, sort), len(every)
    tables.emit_versions_of(state, name, versions, cli.columns.asked(repository, wanted, versions, names))
    tables.tell_awaited(state, repository, name)
    tables.tell_left_out(state, total - len(versions), *_words("version", sort))
    return 0


def _words(noun: str, sort: str | None) -> tuple[str, str]:
    which = "more" if sort else "older"
    return f"{which} {noun}", f"{which} {noun}s"


def _sorted(found: list[_T], sort: str | None, version_of: "Callable[[_T], Version]") -> list[_T]:
    """Versions without the key come last; numbers before texts."""
    if not sort:
        return found
    key, down = sort.removeprefix("-"), sort.startswith("-")
    if key in _SORT_KEYS:
        return sorted(found, key=lambda one: _SORT_KEYS[key](version_of(one)), reverse=down)
    values = [flatten(version_of(one).metadata).get(key, _NONE) for one in found]
    if found and all(value is _NONE for value in values):
        known = {one_key for one in found for one_key in flatten(version_of(one).metadata)}
        near = names_near(key, sorted({*known, *_SORT_KEYS}))
        raise UnknownKey(key=key, text="", at=0, length=0, near=near)
    by_rank = defaultdict[int, list[tuple[Any, _T]]](list)
    for value, one in zip(values, found, strict=True):
        rank, place = _place(value)
        by_rank[rank].append((place, one))
    for rank in by_rank.keys() - {_LAST}:
        by_rank[rank].sort(key=lambda pair: pair[0], reverse=down)
    return [one for rank in sorted(by_rank) for _, one in by_rank[rank]]


def _place(value: Any) -> tuple[int, Any]:
    """As `search --sort` has it: numbers, texts, booleans, and last whatever has no place among them."""
    elements = [] if value is _NONE or isinstance(value, list) else elements_of(value)
    kind = type_of(elements[0]) if elements else ""
    rank = {"number": 0, "text": 1, "boolean": 2}.get(kind, _LAST)
    return rank, elements[0] if elements else None


def _first(state: State, name: str, sort: str, limit: int) -> "list[Version] | None":
    """The first versions of an artifact in this order, for which not all have to be read; None if they have to be."""
    key = sort.removeprefix("-")
    if "`" in key:
        return None
    if key not in _SORT_KEYS:
        sort = sort.replace(key, f"`{key}`")
    try:
        return state.repository().search(sort=[sort], limit=limit, within=[name], told=told(state))
    except UnknownKey:  # of the fields too, some may have been meant
        return None
