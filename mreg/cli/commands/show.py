"""`mreg ls`, `mreg show`, `mreg files` and `mreg search`: looking at what there is."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.output import Out, age_text, emit, note, size_text, time_text, value_text
from mreg.cli.state import current
from mreg.values.errors import InvalidInput
from mreg.values.metadata import flatten

if TYPE_CHECKING:
    from mreg.repository import Repository
    from mreg.values.entities import Artifact, Model, Version


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
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="An artifact or a registered model.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--columns", metavar="KEY", help="Metadata to show. Repeatable, or with commas.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="number, size, files, created, metadata key; -KEY reverses."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="Only the first so many.")] = None,
) -> None:
    """List collections, or the versions of one.

    Of an artifact: number, aliases, size, files, age, message. Of a registered model: its links.
    """
    repository = current.repository()
    if name is None:
        _ls_all(repository, limit)
        return
    wanted = [key for given in columns or () for key in given.split(",") if key]
    kind = repository.kind(name)
    if kind == "model":
        _ls_links(repository, name, wanted, sort, limit)
        return
    versions = _sorted(repository.versions(name), sort)[:limit]
    headings = ["version", "aliases", "size", "files", "age", "message", *wanted]
    rows = [_version_row(version, wanted) for version in versions]
    emit({"name": name, "kind": "artifact", "versions": versions}, lambda out: out.table(headings, rows))


def _ls_all(repository: "Repository", limit: int | None) -> None:
    artifacts, models = repository.artifacts()[:limit], repository.models()[:limit]
    rows = [[one.name, one.type, str(one.versions), one.latest or "", _aliases(one.aliases)] for one in artifacts]
    rows += [[one.name, "registered model", str(len(one.links)), _newest(one), _aliases(one.aliases)] for one in models]
    if not rows:
        note("nothing here yet: log a first version with `mreg log PATH --artifact NAME`")
    headings = ["name", "type", "versions", "latest", "aliases"]
    emit({"artifacts": artifacts, "models": models}, lambda out: out.table(headings, rows))


def _ls_links(repository: "Repository", name: str, wanted: list[str], sort: str | None, limit: int | None) -> None:
    links = repository.model(name).links
    by_digest = {version.digest: version for version in repository.versions(name)}
    pairs = [(link, by_digest[link.digest]) for link in links if link.digest in by_digest]
    if sort:
        order = [version.digest for version in _sorted(list(by_digest.values()), sort)]
        pairs.sort(key=lambda pair: order.index(pair[1].digest))
    pairs = pairs[:limit]
    headings = ["link", "aliases", "version", "size", "files", "age", "message", *wanted]
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
    emit(body, lambda out: out.table(headings, rows))


def _version_row(version: "Version", wanted: Sequence[str]) -> list[str]:
    flat = flatten(version.metadata)
    extra = [value_text(flat[key]) if key in flat else "" for key in wanted]
    first_line = version.message.partition("\n")[0]
    fixed = [f"v{version.number}", ", ".join(version.aliases), size_text(version.size), str(version.files)]
    return [*fixed, age_text(version.created), first_line, *extra]


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


def _aliases(aliases: dict[str, str]) -> str:
    return ", ".join(f"{alias}={target}" for alias, target in aliases.items())


def _newest(model: "Model") -> str:
    return f"v{model.links[-1].number}" if model.links else ""


def show(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="A version, or the bare name of an artifact or a model.")
    ],
) -> None:
    """Show everything about a version, an artifact or a registered model (its card first)."""
    repository = current.repository()
    if ":" in reference or "/" in reference:
        version = repository.version(reference)
        emit(version, lambda out: render_version(out, version))
        return
    if repository.kind(reference) == "model":
        show_model(repository.model(reference))
    else:
        show_artifact(repository.artifact(reference) if repository.kind(reference) else _unknown(repository, reference))


def _unknown(repository: "Repository", reference: str) -> "Artifact":
    repository.resolve(reference)  # raises UnknownName, with the nearest names
    raise AssertionError


def render_version(out: Out, version: "Version") -> None:
    pairs = [
        ("version", version.name),
        ("aliases", ", ".join(version.aliases)),
        ("links", ", ".join(version.links)),
        ("message", version.message),
        ("size", f"{size_text(version.size)} in {version.files} file{'s' * (version.files != 1)}"),
        ("type", version.type),
        ("created", f"{time_text(version.created)} ({age_text(version.created)})"),
        ("author", f"{version.author} on {version.host}"),
        ("run", version.run or ""),
        ("inputs", "\n".join(f"{one.reference} ({one.version[:12]})" for one in version.inputs)),
        ("digest", version.digest),
        ("manifest", version.manifest),
    ]
    pairs += [(key, value_text(value)) for key, value in flatten(version.metadata).items()]
    out.fields(pairs)


def show_artifact(artifact: "Artifact") -> None:
    """Print an artifact."""
    pairs = [
        ("artifact", artifact.name),
        ("type", artifact.type),
        ("description", artifact.description),
        ("versions", str(artifact.versions)),
        ("latest", artifact.latest or "none yet"),
        ("aliases", _aliases(artifact.aliases)),
    ]
    emit(artifact, lambda out: out.fields(pairs))


def show_model(model: "Model") -> None:
    """Print a registered model: tags, card, then the rest."""

    def render(out: Out) -> None:
        out.fields([("model", model.name), ("tags", ", ".join(model.tags)), ("description", model.description)])
        if model.card:
            out.line("")
            out.markdown(model.card)
            out.line("")
        out.fields([("aliases", _aliases(model.aliases)), ("links", "none yet" if not model.links else "")])
        rows = [[f"v{link.number}", link.version, ", ".join(link.aliases)] for link in model.links]
        if rows:
            out.table(["link", "version", "aliases"], rows)

    emit(model, render)


def files(reference: ReferenceArgument) -> None:
    """List a version's files with size and digest; the digest equals what `b3sum FILE` prints."""
    found = current.repository().files(reference)
    rows = [[file.digest, str(file.size), file.path] for file in found]
    emit({"files": found}, lambda out: out.table(["digest", "size", "path"], rows))


def search(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="What to look for, in any case.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only models that have this tag. Repeatable.")
    ] = None,
) -> None:
    """Find registered models, artifacts and versions by name, text, tag, alias and metadata."""
    models, artifacts, versions = current.repository().search(text, tags=tag or ())
    rows = [["model", one.name, ", ".join(one.tags), one.description] for one in models]
    rows += [["artifact", one.name, "", one.description] for one in artifacts]
    rows += [["version", one.name, ", ".join(one.aliases), one.message.partition("\n")[0]] for one in versions]
    if not rows:
        note("nothing found")
    body = {"models": models, "artifacts": artifacts, "versions": versions}
    emit(body, lambda out: out.table(["kind", "name", "tags, aliases", "text"], rows))
