"""`mreg ls`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mreg.cli.commands.filtering import (
    CountOption,
    ExitCodeOption,
    KeysOption,
    Listing,
    OnlyChangedOption,
    WhereOption,
    list_versions,
    split,
)
from mreg.cli.context import Context
from mreg.cli.layout import Column
from mreg.cli.output import aliases_text, short_age, size_text, value_text
from mreg.cli.state import State
from mreg.values.errors import InvalidInput
from mreg.values.metadata import flatten
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg import Model, Repository, Version


class UnknownColumn(InvalidInput):
    code = "unknown-column"
    template = "cannot sort by {name!r}: no version has it"

    name: str


_SORT_KEYS: dict[str, Callable[["Version"], Any]] = {
    "number": lambda version: version.number,
    "size": lambda version: version.size,
    "files": lambda version: version.files,
    "created": lambda version: version.created,
}


def ls(
    ctx: Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME…]", help="An artifact or a registered model; or references, to be compared.", parser=composed
        ),
    ] = None,
    where: WhereOption = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only versions that have this tag. Repeatable.")
    ] = None,
    only_changed: OnlyChangedOption = False,
    count: CountOption = False,
    keys: KeysOption = False,
    exit_code: ExitCodeOption = False,
    columns: Annotated[
        list[str] | None, typer.Option("--columns", metavar="KEY", help="Metadata to show. Repeatable, or with commas.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="number, size, files, created, metadata key; -KEY reverses."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, help="Show at most N: the newest, or the first by --sort.")
    ] = None,
) -> int:
    """List collections, or the versions of one.

    Of an artifact: number, aliases, size, files, age, message. Of a registered model: its links.
    """
    wanted = split(columns)
    asked = Listing(where or (), tag or (), sort, wanted, only_changed, limit, count, keys, exit_code)
    if asked.is_search(names or ()):
        return list_versions(ctx.obj, names or (), asked)
    repository = ctx.obj.repository()
    if not names:
        _ls_all(ctx.obj, repository, limit)
        return 0
    [name] = names
    kind = repository.kind(name)
    if kind == "model":
        _ls_links(ctx.obj, repository, name, wanted, sort, limit)
        return 0
    if limit is not None and not sort:
        versions = repository.versions(name, newest=limit)
    else:
        versions = _sorted(repository.versions(name), sort)[:limit]
    headings: list[str | Column] = ["version", "aliases", "size", "files", "age", "message", *_asked(wanted)]
    rows = [_version_row(version, wanted) for version in versions]
    ctx.obj.emit({"name": name, "kind": "artifact", "versions": versions}, lambda out: out.table(headings, rows))
    return 0


def _ls_all(state: State, repository: "Repository", limit: int | None) -> None:
    artifacts, models = repository.artifacts()[:limit], repository.models()[:limit]
    rows = [[one.name, one.type, str(one.versions), one.latest or "", aliases_text(one.aliases)] for one in artifacts]
    rows += [
        [one.name, "registered model", str(len(one.links)), _newest(one), aliases_text(one.aliases)] for one in models
    ]
    if not rows:
        state.note("nothing here yet: log a first version with `mreg log PATH --artifact NAME`")
    headings = ["name", "type", "versions", "latest", "aliases"]
    state.emit({"artifacts": artifacts, "models": models}, lambda out: out.table(headings, rows))


def _ls_links(
    state: State, repository: "Repository", name: str, wanted: list[str], sort: str | None, limit: int | None
) -> None:
    links = repository.model(name).links
    by_digest = {version.digest: version for version in repository.versions(name)}
    pairs = [(link, by_digest[link.digest]) for link in links if link.digest in by_digest]
    if sort:
        order = [version.digest for version in _sorted(list(by_digest.values()), sort)]
        pairs.sort(key=lambda pair: order.index(pair[1].digest))
    pairs = pairs[:limit]
    headings: list[str | Column] = ["link", "aliases", "version", "size", "files", "age", "message", *_asked(wanted)]
    rows = [
        [f"v{link.number}", ", ".join(link.aliases), version.name, *_version_row(version, wanted)[2:]]
        for link, version in pairs
    ]
    body = {
        "name": name,
        "kind": "model",
        "links": [link for link, _ in pairs],
        "versions": [version for _, version in pairs],
    }
    state.emit(body, lambda out: out.table(headings, rows))


def _asked(wanted: Sequence[str]) -> list[Column]:
    return [Column(key, asked=True) for key in wanted]


def _version_row(version: "Version", wanted: Sequence[str]) -> list[str]:
    flat = flatten(version.metadata)
    extra = [value_text(flat[key]) if key in flat else "" for key in wanted]
    first_line = version.message.partition("\n")[0]
    fixed = [f"v{version.number}", ", ".join(version.aliases), size_text(version.size), str(version.files)]
    return [*fixed, short_age(version.created), first_line, *extra]


def _sorted(versions: "list[Version]", sort: str | None) -> "list[Version]":
    """Versions without the key come last; numbers before texts."""
    if not sort:
        return versions
    key = sort.removeprefix("-")
    if key in _SORT_KEYS:
        return sorted(versions, key=_SORT_KEYS[key], reverse=sort.startswith("-"))
    flat = {version.digest: flatten(version.metadata) for version in versions}
    having = [version for version in versions if key in flat[version.digest]]
    if versions and not having:
        raise UnknownColumn(name=key)
    having.sort(key=lambda version: _order(flat[version.digest][key]), reverse=sort.startswith("-"))
    return having + [version for version in versions if key not in flat[version.digest]]


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return (not number, value if number else 0, "" if number else str(value))  # some integers are no float


def _newest(model: "Model") -> str:
    return f"v{model.links[-1].number}" if model.links else ""
