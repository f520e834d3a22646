"""What commands that take a filter share: their options, and the table of versions."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import typer

from mreg import cli
from mreg.cli import choosing, plain, tables
from mreg.cli.choosing import Chosen, split, told
from mreg.cli.exit_codes import UNMET
from mreg.cli.layout import Column
from mreg.cli.state import State
from mreg.values.named_tuple import NamedTuple
from mreg.values.words import value_text

_T = TypeVar("_T")
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="EXPR", help="Only versions that match (`mreg help filters`). Repeatable."),
]
SortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="KEY[,KEY]", help="number, size, created, metadata key, …; -KEY reverses."),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option("--columns", metavar="KEY[,KEY]", help="Metadata keys to show. Repeatable."),
]
OnlyChangedOption = Annotated[bool, typer.Option("--only-changed", help="Show the metadata that differs.")]
CountOption = Annotated[bool, typer.Option("--count", help="Print only the number of matches.")]
KeysOption = Annotated[bool, typer.Option("--keys", help="List the metadata keys, with types and ranges.")]
ExitCodeOption = Annotated[bool, typer.Option("--exit-code", help="Exit with 7 if nothing is found.")]
PlaceWhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="EXPR",
        help="For NAME: select the first match. For a version: require a match, else exit 7.",
    ),
]
PlaceSortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="KEY[,KEY]", help="With --where: order of matches. Default: the latest first."),
]


def refuse_beside(option: str, given: Mapping[str, object]) -> None:
    """Refuse options, or arguments, that `option` would leave without effect."""
    idle = [name for name, value in given.items() if value not in (None, False, "", 0) and value != []]
    if idle:
        raise typer.BadParameter(f"does not go with {' or '.join(idle)}", param_hint=option)


def chosen(state: State, reference: str, where: Sequence[str] | None, sort: str | None) -> str:
    """The reference, or the name of the version that the filter chooses."""
    if not where and not sort:
        return reference
    return state.repository().choose(reference, where=list(where or ()), sort=split(sort)).name


def resolve(state: State, reference: str, where: Sequence[str] | None, sort: str | None) -> None:
    """`mreg resolve REFERENCE --where EXPR --sort KEY`"""
    plain.resolve(state, chosen(state, reference, where, sort))


def limited(found: list[_T], limit: int | None, sort: object) -> list[_T]:
    """The last of them, which are the newest; of those that were sorted, the first. 0: all."""
    if not limit:
        return found
    return found[:limit] if sort else found[max(0, len(found) - limit) :]


def emit_count(state: State, number: int, exit_code: bool) -> int:
    state.emit({"count": number}, lambda out: out.line(str(number)))
    return UNMET if exit_code and not number else 0


def emit_keys(state: State, within: Sequence[str]) -> None:
    """The keys of metadata, with types and ranges."""
    found = state.repository().metadata_keys(within=within, told=told(state))
    rows = [
        [one.key, ", ".join(one.types), str(one.versions), *(map(_limit, (one.smallest, one.largest)))] for one in found
    ]
    if not rows:
        state.note("no version has metadata")
    headings: list[str | Column] = [
        "key",
        "types",
        "versions",
        Column("smallest", right=True),
        Column("largest", right=True),
    ]
    state.emit({"keys": found}, lambda out: out.table(headings, rows))


def _limit(value: Any) -> str:
    return "" if value is None else value_text(value)


class Listing(NamedTuple):
    """What `mreg ls` is asked for beside names."""

    where: Sequence[str]
    tags: Sequence[str]
    sort: str | None
    columns: Sequence[str]
    only_changed: bool
    limit: int | None
    only_count: bool
    keys: bool
    exit_code: bool

    def is_search(self, names: Sequence[str]) -> bool:
        """Whether versions have to be chosen or compared, so that a plain list will not do."""
        asked = self.where or self.tags or self.only_changed or self.only_count or self.keys or self.exit_code
        return bool(asked or len(names) > 1 or ":" in "".join(names) or "," in (self.sort or ""))

    def chosen(self, names: Sequence[str]) -> Chosen:
        return Chosen(self.where, self.tags, split(self.sort), self.limit, names, "", self.columns, self.only_changed)


def list_versions(state: State, names: Sequence[str], asked: Listing) -> int:
    """`mreg ls` of versions that are chosen; several references are compared."""
    shaping: dict[str, object] = {"--sort": asked.sort, "--columns": asked.columns, "--limit": asked.limit}
    shaping["--only-changed"] = asked.only_changed
    if asked.keys:
        which = {"--where": asked.where, "--tag": asked.tags, "--count": asked.only_count}
        refuse_beside("--keys", {**which, **shaping, "--exit-code": asked.exit_code})
        emit_keys(state, names)
        return 0
    if asked.only_count:
        refuse_beside("--count", shaping)
    repository = state.repository()
    filters = asked.chosen(names).filters
    compared = ":" in "".join(names) or (len(names) > 1 and not filters and not asked.only_count)
    if compared:
        if asked.sort or filters or asked.only_count:
            raise typer.BadParameter("references are compared as they are: no --where, --tag, --sort or --count")
        versions = [repository.version(name) for name in names][: asked.limit or None]
        columns = cli.columns.asked(repository, asked.columns, versions)
        tables.emit_chosen(state, versions, {"versions": versions}, columns, only_changed=not columns)
        return 0
    if asked.only_count:
        return emit_count(state, repository.count(where=filters, within=names, told=told(state)), asked.exit_code)
    found = choosing.ls(state, asked.chosen(names))
    return UNMET if asked.exit_code and not found else 0
