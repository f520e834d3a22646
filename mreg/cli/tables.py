"""The tables of collections and of versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mreg import cli
from mreg.cli.layout import Column
from mreg.cli.output import Out, aliases_text
from mreg.cli.state import State
from mreg.values.metadata import flatten
from mreg.values.words import count_text, size_text, value_text

if TYPE_CHECKING:
    from mreg import Artifact, Link, Model, Repository, Version
    from mreg.cli.columns import Asked

    _Collection = TypeVar("_Collection", Artifact, Model)
Headings = list[str | Column]


def list_collections(state: State, limit: int | None = None) -> None:
    """`mreg ls [--limit N]`"""
    repository = state.repository()
    artifacts, models = repository.artifacts(), repository.models()
    total = len(artifacts) + len(models)
    if not total:
        state.note("nothing here yet: log a first version with `mreg log PATH --artifact NAME`")
    if limit is not None:
        newest = sorted([*map(_change, artifacts), *map(_change, models)], reverse=True)[:limit]
        artifacts = [one for one in artifacts if _change(one) in newest]
        models = [one for one in models if _change(one) in newest]
    emit_collections(state, artifacts, models, {"artifacts": artifacts, "models": models})
    tell_left_out(
        state,
        total - len(artifacts) - len(models),
        "collection was changed earlier",
        "collections were changed earlier",
    )


def last_changed(found: Sequence[_Collection], most: int) -> list[_Collection]:
    """Of collections those that were changed last, in the order that they have."""
    newest = sorted(found, key=_change, reverse=True)[:most]
    return [one for one in found if one in newest]


def _change(one: Artifact | Model) -> tuple[str, str]:
    return str(one.changed), one.name


def emit_collections(state: State, artifacts: Sequence[Artifact], models: Sequence[Model], body: Any) -> None:
    """The table of collections."""

    def render(out: Out) -> None:
        rows = [_artifact_row(out, one) for one in artifacts] + [_model_row(out, one) for one in models]
        headings = ["name", "kind", "type", "latest", "versions", "size", "changed", "aliases"]
        out.table(headings, without_usual_types(out, rows))

    state.emit(body, render)


def without_usual_types(out: Out, rows: list[list[str]]) -> list[list[str]]:
    """Rows of name, kind, type and more: for people without the types, where all have the usual one."""
    if out.terminal and all(row[2] in ("", "model") for row in rows):
        return [[*row[:2], "", *row[3:]] for row in rows]
    return rows


def _artifact_row(out: Out, one: Artifact) -> list[str]:
    size = "" if one.size is None else size_text(one.size)
    changed = "" if one.changed is None else out.when(one.changed)
    return [
        one.name,
        "artifact",
        one.type,
        one.latest or "",
        str(one.versions),
        size,
        changed,
        aliases_text(one.aliases),
    ]


def _model_row(out: Out, one: Model) -> list[str]:
    latest = f"v{one.links[-1].number}" if one.links else ""
    changed = "" if one.changed is None else out.when(one.changed)
    return [one.name, "model", "", latest, str(len(one.links)), "", changed, aliases_text(one.aliases)]


def list_one(state: State, name: str) -> None:
    """`mreg ls NAME`"""
    repository = state.repository()
    if repository.kind(name) == "model":
        emit_links(state, repository, name, links_of(repository, name)[0], ())
    else:
        emit_versions_of(state, name, repository.versions(name), ())
    tell_awaited(state, repository, name)


def emit_versions_of(state: State, name: str, versions: Sequence[Version], columns: Sequence[Asked]) -> None:
    """The versions of an artifact."""

    def render(out: Out) -> None:
        headings, extra = version_columns(versions, columns)
        out.table(
            headings, [version_row(out, one, f"v{one.number}", extra, tagged="tags" in headings) for one in versions]
        )

    state.emit({"name": name, "kind": "artifact", "versions": versions}, render)


def tell_awaited(state: State, repository: Repository, name: str) -> None:
    """Say which numbers are kept for versions that are not here."""
    awaited = repository.awaited(name)
    if awaited:
        state.note(f"not here: {', '.join(f'v{number} (@{digest[:12]})' for number, digest in awaited.items())}")


def links_of(repository: Repository, name: str, newest: int | None = None) -> tuple[list[tuple[Link, Version]], int]:
    """The links of a registered model, in their order, each with its version; and how many there are. newest: only the
    last so many, for which no more records are read."""
    links = repository.model(name).links
    wanted = links[0 if newest is None else max(0, len(links) - newest) :]
    by_digest = {version.digest: version for version in repository.versions(name, newest=newest)}
    return [(link, by_digest[link.digest]) for link in wanted if link.digest in by_digest], len(links)


def emit_links(
    state: State, repository: Repository, name: str, found: Sequence[tuple[Link, Version]], columns: Sequence[Asked]
) -> None:
    """The links of a registered model."""
    versions = [version for _, version in found]

    def render(out: Out) -> None:
        headings, extra = version_columns(versions, columns)
        rows = [
            [
                f"v{link.number}",
                " ".join(link.aliases),
                version.name,
                *version_row(out, version, "", extra, tagged="tags" in headings)[2:],
            ]
            for link, version in found
        ]
        out.table(["link", "aliases", *headings[:1], *headings[2:]], rows)

    state.emit({"name": name, "kind": "model", "links": [link for link, _ in found], "versions": versions}, render)


def emit_chosen(
    state: State,
    versions: Sequence[Version],
    body: Any,
    columns: Sequence[Asked],
    *,
    only_changed: bool = False,
    within: str = "",
    matched: Callable[[Version], str] | None = None,
) -> None:
    """The table of versions that were chosen: with --quiet, their names. within: the one artifact of all of them.
    matched: what is shown instead of the message."""
    if state.quiet and not state.json:
        state.emit(body, lambda out: out.table([""], [[one.name] for one in versions]))
        return
    if not versions:
        state.note("nothing found")
    if only_changed:
        shown = [one.text for one in columns]
        differ = [key for key in differing(versions) if key not in shown]
        columns = [*columns, *cli.columns.of_metadata(differ)] if differ else columns

    def render(out: Out) -> None:
        headings, extra = version_columns(versions, columns, "matched" if matched else "message")
        names = [f"v{one.number}" if within else one.name for one in versions]
        rows = [
            version_row(out, one, name, extra, tagged="tags" in headings)
            for one, name in zip(versions, names, strict=True)
        ]
        if matched:
            rows = [[*row[:-1], matched(one)] for row, one in zip(rows, versions, strict=True)]
        out.table(headings, rows)

    state.emit(body, render)


def version_columns(
    versions: Sequence[Version], columns: Sequence[Asked], last: str = "message"
) -> tuple[Headings, Sequence[Asked]]:
    """The headings of a table of versions, and those columns among them that it would not have anyway."""
    tagged = any(one.tags for one in versions) or any(one.key == ("tag", True) for one in columns)
    fixed = ["version", "aliases", *(["tags"] if tagged else []), "size", "files", "age"]
    if not columns:
        return [*fixed, last], ()
    extra = cli.columns.beside(columns, [*fixed, last])
    return [*fixed, *cli.columns.headings(extra, versions), last], extra


def version_row(out: Out, version: Version, name: str, columns: Sequence[Asked], *, tagged: bool = False) -> list[str]:
    """tagged: whether there is a column of tags."""
    extra = cli.columns.cells(columns, version) if columns else []
    tags = [", ".join(version.tags)] if tagged else []
    fixed = [name, " ".join(version.aliases), *tags, size_text(version.size), str(version.files)]
    return [*fixed, out.age(version.created), *extra, version.message.partition("\n")[0]]


def differing(versions: Sequence[Version]) -> list[str]:
    """The keys of metadata whose values differ, sorted; a key that only some have differs."""
    flat = [flatten(one.metadata) for one in versions]
    every = sorted({key for one in flat for key in one})
    return [key for key in every if len({value_text(one[key]) if key in one else None for one in flat}) > 1]


def tell_left_out(state: State, count: int, one: str, many: str, most: int | None = None) -> None:
    """Say how many things `--limit` leaves out. most: beyond so many, they were not counted."""
    if most is not None and count > most:
        state.note(f"more than {most} {many}; --limit 0 shows all")
    elif count > 0:
        state.note(f"{count_text(count, one, many)}; --limit 0 shows all")
