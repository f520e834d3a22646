"""`--at` of `mreg resolve`, `mreg alias ls` and `mreg ls`: how it was, and the entry that decided."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mreg import cli
from mreg.cli import tables
from mreg.cli.layout import Column
from mreg.cli.output import aliases_text, local_text, time_text
from mreg.cli.state import State
from mreg.values.words import count_text, size_text

if TYPE_CHECKING:
    from datetime import datetime

    from mreg import Decision, Moment, VersionThen
    from mreg.cli.columns import Asked

_DECIDED: list[str | Column] = [Column("entry", right=True), Column("since", style="dim"), "by"]
"""The columns that tell the entry."""

_MOST = 3


def resolve(state: State, reference: str, at: str) -> None:
    """`mreg resolve REFERENCE --at TIME|SEQ`"""
    reference = state.enter(reference)
    moment = state.repository().at(at)
    found = moment.resolve(reference)
    by = found.entry
    why = f"; {by.message}" if by.message else ""
    state.note(f"set by entry {by.seq}, {_when(state, by.time)}, {by.who}: {by.command}{why}")
    _tell_ahead(state, moment)
    if found.now is None:
        state.note(f"{found.name} has been deleted since")
    elif found.now != found.name:
        state.note(f"{found.name} is called {found.now} now")
    state.emit(
        {"at": _said(moment), "name": found.name, **found._asdict()}, lambda out: out.line(found.now or found.name)
    )


def list_aliases(state: State, name: str | None, at: str) -> None:
    """`mreg alias ls [NAME] --at TIME|SEQ`"""
    name = state.enter(name) or None if name else None
    moment = state.repository().at(at)
    found = moment.aliases(name)
    rows = [[one.name, one.alias, f"v{one.number}", one.version, *_decided(state, one.entry)] for one in found]
    _tell(state, moment)
    headings = ["name", "alias", "number", "version", *_DECIDED]
    state.emit({"at": _said(moment), "aliases": found}, lambda out: out.table(headings, rows))


def ls(state: State, name: str | None, columns: Sequence[str], limit: int | None, at: str) -> None:
    """`mreg ls [NAME] --at TIME|SEQ`"""
    repository = state.repository()
    moment = repository.at(at)
    if name is None:
        _collections(state, moment, limit)
        return
    kind, found = moment.kind(name), moment.versions(name, limit)
    known = [one.version for one in found if one.version is not None]
    fixed: list[str | Column] = ["version", "aliases", "size", "files"]
    asked = cli.columns.asked(repository, columns, known)
    asked = cli.columns.beside(asked, [*map(str, fixed), "message"])
    headings = [*fixed, *cli.columns.headings(asked, known), "message", *_DECIDED]
    if kind == "model":
        headings = ["link", "aliases", "version", *headings[2:]]
    rows = [[*_row(one, asked, kind == "model"), *_decided(state, one.entry)] for one in found]
    gone = sum(one.version is None for one in found)
    _tell(state, moment)
    if gone:
        state.note(f"gc has deleted all but the name of {count_text(gone, 'version', 'versions')}")
    state.emit(
        {"at": _said(moment), "name": name, "kind": kind, "versions": found}, lambda out: out.table(headings, rows)
    )


def _collections(state: State, moment: "Moment", limit: int | None) -> None:
    found = moment.collections()[:limit]
    rows = [
        [
            one.name,
            one.kind,
            one.type,
            one.latest or "",
            str(one.versions),
            aliases_text(one.aliases),
            *_decided(state, one.entry),
        ]
        for one in found
    ]
    _tell(state, moment)
    headings = ["name", "kind", "type", "latest", "versions", "aliases", *_DECIDED]
    state.emit(
        {"at": _said(moment), "collections": found},
        lambda out: out.table(headings, tables.without_usual_types(out, rows)),
    )


def _row(one: "VersionThen", columns: "Sequence[Asked]", linked: bool) -> list[str]:
    known = one.version
    start = [f"v{one.number}", ", ".join(one.aliases)] + ([known.name if known else ""] if linked else [])
    sizes = [size_text(known.size), str(known.files)] if known else ["", ""]
    extra = cli.columns.cells(columns, known) if known else [""] * len(columns)
    return [*start, *sizes, *extra, known.message.partition("\n")[0] if known else ""]


def _decided(state: State, entry: "Decision") -> list[str]:
    return [str(entry.seq), _when(state, entry.time), entry.who]


def _said(moment: "Moment") -> dict[str, Any]:
    return {"seq": moment.seq, "time": moment.time, "ahead": moment.ahead}


def _tell(state: State, moment: "Moment") -> None:
    if moment.time is None:
        state.note("before the first entry")
    else:
        state.note(f"as of entry {moment.seq}, {_when(state, moment.time)}")
    _tell_ahead(state, moment)


def _tell_ahead(state: State, moment: "Moment") -> None:
    """Why the time does not say what it seems to: it has not come, or clocks ran backwards."""
    if moment.in_future:
        state.note("that time is in the future: showing the current state")
    for one in moment.ahead[:_MOST]:
        state.note(
            f"entry {one.seq} is included, although its time is later, {_when(state, one.time)}: a clock ran backwards"
        )
    if len(moment.ahead) > _MOST:
        state.note(f"and {len(moment.ahead) - _MOST} more such entries")
    if moment.ahead:
        state.note(f"`--at {moment.ahead[0].seq - 1}` excludes them, `mreg history` lists all entries")


def _when(state: State, time: "datetime") -> str:
    return local_text(time) if state.terminal else time_text(time)
