"""`mreg show` and `mreg files`."""

from typing import TYPE_CHECKING, Annotated

import typer

from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.context import Context
from mreg.cli.output import Out, age_text, aliases_text, size_text, time_text, value_text
from mreg.cli.state import State
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
        ctx.obj.emit(version, lambda out: _render_version(out, version))
        return
    if repository.kind(reference) == "model":
        show_model(ctx.obj, repository.model(reference))
    else:
        known = repository.kind(reference)
        show_artifact(ctx.obj, repository.artifact(reference) if known else _unknown(repository, reference))


def _unknown(repository: "Repository", reference: str) -> "Artifact":
    repository.resolve(reference)  # raises UnknownName, with the nearest names
    raise AssertionError


def _render_version(out: Out, version: "Version") -> None:
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


def show_artifact(state: State, artifact: "Artifact") -> None:
    """Print an artifact."""
    pairs = [
        ("artifact", artifact.name),
        ("type", artifact.type),
        ("description", artifact.description),
        ("versions", str(artifact.versions)),
        ("latest", artifact.latest or "none yet"),
        ("aliases", aliases_text(artifact.aliases)),
    ]
    state.emit(artifact, lambda out: out.fields(pairs))


def show_model(state: State, model: "Model") -> None:
    """Print a registered model: tags, card, then the rest."""

    def render(out: Out) -> None:
        out.fields([("model", model.name), ("tags", ", ".join(model.tags)), ("description", model.description)])
        if model.card:
            out.line("")
            out.markdown(model.card)
            out.line("")
        out.fields([("aliases", aliases_text(model.aliases)), ("links", "none yet" if not model.links else "")])
        rows = [[f"v{link.number}", link.version, ", ".join(link.aliases)] for link in model.links]
        if rows:
            out.table(["link", "version", "aliases"], rows)

    state.emit(model, render)


def files(ctx: Context, reference: ReferenceArgument) -> None:
    """List a version's files with size and digest; the digest equals what `b3sum FILE` prints."""
    found = ctx.obj.repository().files(reference)
    rows = [[file.digest, str(file.size), file.path] for file in found]
    ctx.obj.emit({"files": found}, lambda out: out.table(["digest", "size", "path"], rows))
