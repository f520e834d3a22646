"""What commands that take a filter share: their options, and the table of versions."""

from collections.abc import Sequence
from typing import Any, TypeVar

from mreg import cli
from mreg.cli import choosing, tables
from mreg.cli.choosing import Chosen, split, told
from mreg.cli.commands.params import refuse_beside
from mreg.cli.errors import BadUsage
from mreg.cli.exit_codes import UNMET
from mreg.cli.layout import Column
from mreg.cli.state import State
from mreg.values.named_tuple import NamedTuple
from mreg.values.words import value_text

_T = TypeVar("_T")


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
            raise BadUsage("references are compared as given, without --where, --tag, --sort and --count")
        versions = [repository.version(name) for name in names][: asked.limit or None]
        columns = cli.columns.asked(repository, asked.columns, versions)
        tables.emit_chosen(state, versions, {"versions": versions}, columns, only_changed=not columns)
        return 0
    if asked.only_count:
        return emit_count(state, repository.count(where=filters, within=names, told=told(state)), asked.exit_code)
    found = choosing.ls(state, asked.chosen(names))
    return UNMET if asked.exit_code and not found else 0
