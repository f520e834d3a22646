"""`mreg show` and `mreg files`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mreg.cli import version_page
from mreg.cli.card_page import card_fields
from mreg.cli.choosing import told
from mreg.cli.commands.params import ReferenceArgument
from mreg.cli.context import Context
from mreg.cli.output import Out, aliases_text
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.checksums import LENGTHS, checksum_line
from mreg.values.file_names import local
from mreg.values.front_matter import front_matter
from mreg.values.words import size_text

if TYPE_CHECKING:
    from datetime import datetime

    from mreg import Artifact, Model, Repository, Version


SHORT = 12
"""Hex digits of a digest that a person is shown."""


def show(
    ctx: Context,
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="A version, or the bare name of an artifact or a model.")
    ],
) -> None:
    """Show everything about a version, an artifact or a registered model."""
    reference = ctx.obj.enter(reference)
    repository = ctx.obj.repository()
    if ":" in reference or "/" in reference:
        version, around = repository.version(reference), repository.surroundings(reference, told=told(ctx.obj))
        parts = _parts(repository, reference)
        said = {"consumers": around.consumers, "derived": around.derived, "expires": around.expires}
        body = _whole(version, parts) | said
        ctx.obj.emit(body, lambda out: version_page.show(out, reference, version, around, parts))
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


def _parts(repository: "Repository", reference: str) -> dict[str, Any]:
    """Properties and attachments, as in JSON."""
    attached = [
        {"name": one.name, "manifest": one.manifest, "files": len(one.files), "size": one.size}
        for one in repository.attachments(reference)
    ]
    return {"properties": repository.properties(reference), "attachments": attached}


def _whole(shown: "Artifact | Model | Version", parts: dict[str, Any]) -> dict[str, Any]:
    return {"name": shown.name, **shown._asdict(), **parts}


def _fields(parts: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, "\n".join(lines)) for name, lines in version_page.told(parts).items()]


def _list_checksums(state: State, repository: "Repository", version: str, algorithm: str) -> None:
    with Bar("reading", state, sums_up=False) as bar:
        found = repository.digests(version, algorithm, progress=bar)
    listed = [file._asdict() | {algorithm: found[file.path]} for file in repository.files(version)]
    lines = [checksum_line(digest, local(path)) for path, digest in found.items()]

    def render(out: Out) -> None:
        for line in lines:
            (out.line if out.terminal else out.path)(line)

    state.emit({"files": listed, "folders": repository.folders(version)}, render)


def show_artifact(state: State, repository: "Repository", artifact: "Artifact") -> None:
    """Print an artifact."""
    parts = _parts(repository, artifact.name)
    pairs = [
        ("artifact", artifact.name),
        ("type", artifact.type),
        ("description", artifact.description),
        ("versions", str(artifact.versions)),
        ("latest", artifact.latest or "none yet"),
        ("size", "" if artifact.size is None else size_text(artifact.size)),
        ("aliases", aliases_text(artifact.aliases)),
        *_fields(parts),
    ]
    state.emit(_whole(artifact, parts), lambda out: out.fields([*pairs, ("changed", _when(out, artifact.changed))]))


def _when(out: Out, time: "datetime | None") -> str:
    return "" if time is None else out.when(time)


def show_model(state: State, repository: "Repository", model: "Model") -> None:
    """Print a registered model: tags, card, then the rest."""
    parts = _parts(repository, model.name)

    def render(out: Out) -> None:
        front = front_matter(model.card)
        out.fields(
            [
                ("model", model.name),
                ("tags", ", ".join(model.tags)),
                ("description", model.description),
                *card_fields(front.fields),
            ]
        )
        if front.body:
            out.line("")
            out.markdown(front.body)
            out.line("")
        links = "none yet" if not model.links else ""
        changed = _when(out, model.changed)
        pairs = [
            ("type", model.type),
            *_fields(parts),
            ("aliases", aliases_text(model.aliases)),
            ("changed", changed),
            ("links", links),
        ]
        out.fields(pairs)
        rows = [[f"v{link.number}", link.version, " ".join(link.aliases)] for link in model.links]
        if rows:
            out.table(["link", "version", "aliases"], rows)

    state.emit(_whole(model, parts), render)


def files(
    ctx: Context,
    reference: ReferenceArgument,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--digest",
            metavar="ALGORITHM",
            help=f"List checksums only: {', '.join(LENGTHS)}.",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="On a terminal too: whole digests, and sizes in bytes.")] = False,
) -> None:
    """List a version's files with size and digest; the digest equals what `b3sum FILE` prints.

    On a terminal the digests are shortened.

    Folders that hold nothing end with a slash. With --digest, print lines for `sha256sum -c` (md5sum, b3sum): files are
    read once, and their checksums remembered.
    """
    repository = ctx.obj.repository()
    version = repository.resolve(reference).name
    if algorithm is not None:
        _list_checksums(ctx.obj, repository, version, algorithm)
        return
    found, folders = repository.files(version), repository.folders(version)

    def render(out: Out) -> None:
        short = out.terminal and not full
        lines = [
            (file.path, *((file.digest[:SHORT], size_text(file.size)) if short else (file.digest, str(file.size))))
            for file in found
        ]
        lines += [(f"{one}/", "-", "-") for one in folders]
        out.table(["digest", "size", "path"], [[digest, size, path_text(path)] for path, digest, size in sorted(lines)])

    ctx.obj.emit({"files": found, "folders": folders}, render)
