"""What commands that take a filter share: their options, and the table of versions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from mreg import cli
from mreg.cli import plain, tables
from mreg.cli.exit_codes import UNMET
from mreg.cli.layout import Column
from mreg.cli.state import State
from mreg.values.names import near as near_of
from mreg.values.words import count_text, value_text

if TYPE_CHECKING:
    from mreg import Repository, Version

_T = TypeVar("_T")
_MANY = 2000
"""So many versions to be read first are told of: it takes a while."""

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
    typer.Option("--columns", metavar="KEY[,KEY]", help="Metadata to show. Repeatable."),
]
OnlyChangedOption = Annotated[bool, typer.Option("--only-changed", help="Show the metadata that differs.")]
CountOption = Annotated[bool, typer.Option("--count", help="Print only how many there are.")]
KeysOption = Annotated[bool, typer.Option("--keys", help="List the metadata keys, with types and ranges.")]
ExitCodeOption = Annotated[bool, typer.Option("--exit-code", help="Exit with 7 where nothing is found.")]
PlaceWhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="EXPR",
        help="Of NAME the first version that matches; of a reference, its condition (exit 7).",
    ),
]
PlaceSortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="KEY[,KEY]", help="With --where: which is first. Default: the latest."),
]


def split(given: str | Sequence[str] | None) -> list[str]:
    """Keys, in several options or with commas between them."""
    texts = [given] if isinstance(given, str) else given or ()
    return [key for text in texts for key in text.split(",") if key]


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


def told(state: State) -> Any:
    """Tells that the first search takes a while."""
    return lambda refs: state.note(f"reading what {refs:,} versions say, once") if refs >= _MANY else None


def tagged(where: Sequence[str] | None, tags: Sequence[str] | None) -> list[str]:
    """The filters, with those for tags."""
    return [*(where or ()), *(f"tag = '{_escaped(tag)}'" for tag in tags or ())]


def _escaped(text: str) -> str:
    return text.replace("'", "''")


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


def list_versions(state: State, names: Sequence[str], asked: Listing) -> int:
    """`mreg ls` of versions that are chosen; several references are compared."""
    shaping: dict[str, object] = {"--sort": asked.sort, "--columns": asked.columns, "--limit": asked.limit}
    shaping["--only-changed"] = asked.only_changed
    if asked.keys:
        choosing = {"--where": asked.where, "--tag": asked.tags, "--count": asked.only_count}
        refuse_beside("--keys", {**choosing, **shaping, "--exit-code": asked.exit_code})
        emit_keys(state, names)
        return 0
    if asked.only_count:
        refuse_beside("--count", shaping)
    repository = state.repository()
    filters = tagged(asked.where, asked.tags)
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
    sort = split(asked.sort)
    versions, total = find(state, repository, where=filters, sort=sort, limit=asked.limit, within=names)
    [within] = names if len(names) == 1 and repository.kind(names[0]) == "artifact" else [""]
    body = {"versions": versions}
    columns = cli.columns.asked(repository, asked.columns, versions, names)
    tables.emit_chosen(state, versions, body, columns, only_changed=asked.only_changed, within=within)
    tell_rest(state, total, versions, sort)
    tell_lacking(state, repository, where=asked.where, within=names)
    if not versions:
        tell_unknown(state, repository, asked.tags)
    return UNMET if asked.exit_code and not versions else 0


def find(
    state: State,
    repository: "Repository",
    text: str = "",
    *,
    where: Sequence[str],
    sort: Sequence[str],
    limit: int | None,
    within: Sequence[str],
) -> "tuple[list[Version], int]":
    """The versions that match, by artifact and number unless they are sorted; and how many there are in all. limit: the
    newest, or the first by `sort`; 0: all."""
    order = sort if sort or not limit else ["-created", "-number"]
    totals = [0]
    found = repository.search(
        text, where=where, sort=order, limit=limit or None, within=within, told=told(state), total=totals.append
    )
    return (found if order == sort else sorted(found, key=_name_order)), totals[-1]


def tell_lacking(
    state: State, repository: "Repository", text: str = "", *, where: Sequence[str], within: Sequence[str]
) -> None:
    """On a terminal, say how many versions `!=` leaves out, as they have no such key."""
    if state.terminal and state.talkative and any("!" in one or "not" in one.lower() for one in where):
        for one in repository.left_out(text, where=where, within=within):
            has = count_text(one.versions, "version has", "versions have")
            state.note(f'{has} no {one.key}; "{one.instead}" takes {"it" if one.versions == 1 else "them"} too')


def tell_unknown(state: State, repository: "Repository", tags: Sequence[str] | None) -> None:
    """Where nothing was found: say which of the tags nothing has, and which may have been meant."""
    known = repository.tags() if tags and state.talkative else {}
    for tag in tags or () if state.talkative else ():
        if tag not in known:
            near = near_of(tag, list(known))
            state.note(f"nothing has the tag {tag!r}" + (f"; did you mean `{near[0]}`?" if near else ""))


def newest_of(versions: "Sequence[Version]", limit: int | None) -> "list[Version]":
    """Those logged last, by artifact and number."""
    newest = sorted(versions, key=lambda one: (one.created, one.number), reverse=True)
    return sorted(newest[: limit or None], key=_name_order)


def _name_order(one: "Version") -> tuple[str, int]:
    return one.artifact, one.number


def tell_rest(state: State, total: int, shown: "Sequence[Version]", sort: Sequence[str]) -> None:
    which = "more" if sort else "older"
    tables.tell_left_out(state, total - len(shown), f"{which} version", f"{which} versions")
