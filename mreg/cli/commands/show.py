"""`mreg show` and `mreg files`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.context import Context
from mreg.cli.output import Out, age_text, aliases_text, size_text, time_text, value_text
from mreg.cli.state import State
from mreg.cli.text import one_line
from mreg.values.metadata import flatten

if TYPE_CHECKING:
    from mreg import Artifact, Model, Repository, Version


def show(
    ctx: Context,
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="A version, or the bare name of an artifact or a model.")
    ],
) -> None:
    """Show everything about a version, an artifact or a registered model (its card first)."""
    repository = ctx.obj.repository()
    if ":" in reference or "/" in reference:
        version = repository.version(reference)
        said = repository.properties(reference)
        ctx.obj.emit(_whole(version, said), lambda out: _render_version(out, version, said))
        return
    if repository.kind(reference) == "model":
        show_model(ctx.obj, repository, repository.model(reference))
    else:
        known = repository.kind(reference)
        artifact = repository.artifact(reference) if known else _unknown(repository, reference)
        show_artifact(ctx.obj, repository, artifact)


def _unknown(repository: "Repository", reference: str) -> "Artifact":
    repository.resolve(reference)  # raises UnknownName, with the nearest names
    raise AssertionError


def _whole(shown: "Artifact | Model | Version", said: dict[str, Any]) -> dict[str, Any]:
    return {"name": shown.name, **shown._asdict(), "properties": said}


def _told(said: dict[str, Any]) -> tuple[str, str]:
    """The properties, as one field."""
    return "properties", "\n".join(f"{one_line(key)} = {one_line(value_text(said[key]))}" for key in said)


def _render_version(out: Out, version: "Version", said: dict[str, Any]) -> None:
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
        _told(said),
    ]
    pairs += [(key, value_text(value)) for key, value in flatten(version.metadata).items()]
    out.fields(pairs)


def show_artifact(state: State, repository: "Repository", artifact: "Artifact") -> None:
    """Print an artifact."""
    said = repository.properties(artifact.name)
    pairs = [
        ("artifact", artifact.name),
        ("type", artifact.type),
        ("description", artifact.description),
        ("versions", str(artifact.versions)),
        ("latest", artifact.latest or "none yet"),
        ("aliases", aliases_text(artifact.aliases)),
        _told(said),
    ]
    state.emit(_whole(artifact, said), lambda out: out.fields(pairs))


def show_model(state: State, repository: "Repository", model: "Model") -> None:
    """Print a registered model: tags, card, then the rest."""
    said = repository.properties(model.name)

    def render(out: Out) -> None:
        out.fields([("model", model.name), ("tags", ", ".join(model.tags)), ("description", model.description)])
        if model.card:
            out.line("")
            out.markdown(model.card)
            out.line("")
        links = "none yet" if not model.links else ""
        out.fields([_told(said), ("aliases", aliases_text(model.aliases)), ("links", links)])
        rows = [[f"v{link.number}", link.version, ", ".join(link.aliases)] for link in model.links]
        if rows:
            out.table(["link", "version", "aliases"], rows)

    state.emit(_whole(model, said), render)


def files(ctx: Context, reference: ReferenceArgument) -> None:
    """List a version's files with size and digest; the digest equals what `b3sum FILE` prints."""
    found = ctx.obj.repository().files(reference)
    rows = [[file.digest, str(file.size), file.path] for file in found]
    ctx.obj.emit({"files": found}, lambda out: out.table(["digest", "size", "path"], rows))
