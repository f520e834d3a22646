"""`mreg ls`."""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from mreg import cli
from mreg.cli import commands, tables
from mreg.cli.choosing import split
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
from mreg.values.metadata import flatten
from mreg.values.names import composed, near as names_near

if TYPE_CHECKING:
    from mreg import Version

_T = TypeVar("_T")
_NONE = object()


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
        found = _sorted(tables.links_of(repository, name), sort, lambda pair: pair[1])
        shown = limited(found, limit, sort)
        chosen = cli.columns.asked(repository, wanted, [version for _, version in shown], names)
        tables.emit_links(state, repository, name, shown, chosen)
        tables.tell_awaited(state, repository, name)
        tables.tell_left_out(state, len(found) - len(shown), *_words("link", sort))
        return 0
    if limit and not sort:
        versions = repository.versions(name, newest=limit)
        total = repository.artifact(name).versions if len(versions) == limit else 0
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
    having = [(_order(value), one) for value, one in zip(values, found, strict=True) if value is not _NONE]
    if found and not having:
        known = {one_key for one in found for one_key in flatten(version_of(one).metadata)}
        near = names_near(key, sorted({*known, *_SORT_KEYS}))
        raise UnknownKey(key=key, text="", at=0, length=0, near=near)
    having.sort(key=lambda pair: pair[0], reverse=down)
    rest = [one for value, one in zip(values, found, strict=True) if value is _NONE]
    return [one for _, one in having] + rest


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return (not number, value if number else 0, "" if number else str(value))  # some integers are no float
