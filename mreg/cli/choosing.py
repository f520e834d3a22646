"""Versions that a filter chooses, as `search` and `ls` show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mreg import cli
from mreg.cli import tables
from mreg.cli.matches import in_version
from mreg.cli.state import State
from mreg.values.filters import MOST_COUNTED
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import near as near_of
from mreg.values.words import count_text

if TYPE_CHECKING:
    from mreg import Repository, Version

_MANY = 2000
"""So many versions to be read first are told of: it takes a while."""


class Chosen(NamedTuple):
    """What versions are wanted, and how they are shown."""

    where: Sequence[str] = ()
    tags: Sequence[str] = ()
    sort: Sequence[str] = ()
    limit: int | None = None
    within: Sequence[str] = ()
    text: str = ""
    columns: Sequence[str] = ()
    only_changed: bool = False

    @property
    def filters(self) -> list[str]:
        """Those given, and those for tags."""
        return [*self.where, *(f"tag = '{_escaped(tag)}'" for tag in self.tags)]


def search(state: State, chosen: Chosen) -> int:
    """`mreg search` where it finds versions only. Returns how many are shown."""
    versions, total = find(state, chosen)
    return show_found(state, chosen, versions, total)


def show_found(state: State, chosen: Chosen, versions: list[Version], total: int) -> int:
    """The same of versions that were found by other means. total: how many there are beside the limit."""
    matched = (lambda one: in_version(one, chosen.text)) if chosen.text else None
    return _show(state, chosen, versions, total, {"models": [], "artifacts": []}, matched=matched)


def ls(state: State, chosen: Chosen) -> int:
    """`mreg ls NAME... --where EXPR`. Returns how many are shown."""
    versions, total = find(state, chosen)
    names = chosen.within
    [within] = names if len(names) == 1 and state.repository().kind(names[0]) == "artifact" else [""]
    return _show(state, chosen, versions, total, {}, within=within)


def _show(state: State, chosen: Chosen, versions: list[Version], total: int, body: dict[str, Any], **how: Any) -> int:
    repository = state.repository()
    columns = cli.columns.asked(repository, chosen.columns, versions, chosen.within)
    body = {**body, "versions": versions}
    tables.emit_chosen(state, versions, body, columns, only_changed=chosen.only_changed, **how)
    which = "more" if chosen.sort else "older"
    tables.tell_left_out(state, total - len(versions), f"{which} version", f"{which} versions", MOST_COUNTED)
    _tell_lacking(state, repository, chosen)
    if not versions:
        tell_unknown(state, repository, chosen.tags)
    return len(versions)


def split(given: str | Sequence[str] | None) -> list[str]:
    """Keys, in several options or with commas between them."""
    texts = [given] if isinstance(given, str) else given or ()
    return [key for text in texts for key in text.split(",") if key]


def told(state: State) -> Any:
    """Tells that the first search takes a while."""
    text = "reading the records of {:,} versions (only the first time)"
    return lambda refs: state.note(text.format(refs)) if refs >= _MANY else None


def find(state: State, chosen: Chosen) -> tuple[list[Version], int]:
    """The versions that match, by artifact and number unless they are sorted; and how many there are in all. limit: the
    newest, or the first by `sort`; 0: all."""
    order = chosen.sort if chosen.sort or not chosen.limit else ["-created", "-number"]
    totals = [0]
    found = state.repository().search(
        chosen.text,
        where=chosen.filters,
        sort=order,
        limit=chosen.limit or None,
        within=chosen.within,
        told=told(state),
        total=totals.append,
    )
    return (found if order == chosen.sort else sorted(found, key=_name_order)), totals[-1]


def _tell_lacking(state: State, repository: Repository, chosen: Chosen) -> None:
    """On a terminal, say how many versions `!=` leaves out, as they have no such key."""
    if state.terminal and state.talkative and any("!" in one or "not" in one.lower() for one in chosen.where):
        for one in repository.left_out(chosen.text, where=chosen.where, within=chosen.within):
            has = count_text(one.versions, "version has", "versions have")
            state.note(f'{has} no {one.key}; "{one.instead}" includes {"it" if one.versions == 1 else "them"}')


def tell_unknown(state: State, repository: Repository, tags: Sequence[str] | None) -> None:
    """Where nothing was found: say which of the tags nothing has, and which may have been meant."""
    known = repository.tags() if tags and state.talkative else {}
    for tag in tags or () if state.talkative else ():
        if tag not in known:
            near = near_of(tag, list(known))
            state.note(f"nothing has the tag {tag!r}" + (f"; did you mean `{near[0]}`?" if near else ""))


def newest_of(versions: Sequence[Version], limit: int | None) -> list[Version]:
    """Those logged last, by artifact and number."""
    newest = sorted(versions, key=lambda one: (one.created, one.number), reverse=True)
    return sorted(newest[: limit or None], key=_name_order)


def _name_order(one: Version) -> tuple[str, int]:
    return one.artifact, one.number


def _escaped(text: str) -> str:
    return text.replace("'", "''")
