"""`mreg artifact …`, `mreg model …` and `mreg rm`: the collections themselves, and deleting."""

from typing import Annotated

import typer

from mreg.cli.commands.params import ArtifactArgument, ForceOption, ModelArgument, ReferenceArgument
from mreg.cli.commands.show import show_artifact, show_model
from mreg.cli.context import Context
from mreg.cli.state import State

DescriptionOption = Annotated[str, typer.Option("--description", "-d", help="What it is.")]
TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="The description.")]
NewNameArgument = Annotated[str, typer.Argument(metavar="NEW", help="The new name.")]


def artifact_create(
    ctx: Context,
    name: ArtifactArgument,
    type_: Annotated[str, typer.Option("--type", help="What kind of thing its versions are.")] = "model",
    description: DescriptionOption = "",
) -> None:
    """Make an empty artifact."""
    made = ctx.obj.repository().create_artifact(name, type=type_, description=description)
    _created(ctx.obj, "artifact", name, made)


def artifact_ls(ctx: Context) -> None:
    """List artifacts: name, type, number of versions, latest, description."""
    found = ctx.obj.repository().artifacts()
    rows = [[one.name, one.type, str(one.versions), one.latest or "", one.description] for one in found]
    ctx.obj.emit(
        {"artifacts": found}, lambda out: out.table(["name", "type", "versions", "latest", "description"], rows)
    )


def artifact_show(ctx: Context, name: ArtifactArgument) -> None:
    """Show an artifact."""
    show_artifact(ctx.obj, ctx.obj.repository().artifact(name))


def artifact_describe(ctx: Context, name: ArtifactArgument, text: TextArgument) -> None:
    """Set an artifact's description."""
    repository = ctx.obj.repository()
    repository.artifact(name)
    repository.describe(name, text)
    ctx.obj.note(f"described artifact {name}")
    ctx.obj.emit({"name": name, "description": text}, lambda out: None)


def artifact_rename(ctx: Context, name: ArtifactArgument, new: NewNameArgument) -> None:
    """Rename an artifact; versions keep their numbers, aliases and links follow."""
    ctx.obj.repository().rename_artifact(name, new)
    ctx.obj.emit({"name": new, "before": name}, lambda out: out.line(new))


def artifact_rm(ctx: Context, name: ArtifactArgument, force: ForceOption = False) -> None:
    """Delete an artifact: one that has versions only with --force."""
    _removed(ctx.obj, "artifact", name, ctx.obj.repository().remove_artifact(name, force=force))


def model_create(
    ctx: Context,
    name: ModelArgument,
    description: DescriptionOption = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag. Repeatable.")] = None,
) -> None:
    """Make an empty registered model."""
    made = ctx.obj.repository().create_model(name, description=description, tags=tag or ())
    _created(ctx.obj, "model", name, made)


def model_ls(ctx: Context) -> None:
    """List registered models: name, number of links, aliases, tags, description."""
    found = ctx.obj.repository().models()
    rows = [
        [one.name, str(len(one.links)), ", ".join(one.aliases), ", ".join(one.tags), one.description] for one in found
    ]
    ctx.obj.emit({"models": found}, lambda out: out.table(["name", "links", "aliases", "tags", "description"], rows))


def model_show(ctx: Context, name: ModelArgument) -> None:
    """Show a registered model: its card, tags, aliases and links."""
    show_model(ctx.obj, ctx.obj.repository().model(name))


def model_describe(ctx: Context, name: ModelArgument, text: TextArgument) -> None:
    """Set a registered model's description."""
    repository = ctx.obj.repository()
    repository.model(name)
    repository.describe(name, text)
    ctx.obj.note(f"described model {name}")
    ctx.obj.emit({"name": name, "description": text}, lambda out: None)


def model_rename(ctx: Context, name: ModelArgument, new: NewNameArgument) -> None:
    """Rename a registered model; links keep their numbers, aliases follow."""
    ctx.obj.repository().rename_model(name, new)
    ctx.obj.emit({"name": new, "before": name}, lambda out: out.line(new))


def model_rm(ctx: Context, name: ModelArgument, force: ForceOption = False) -> None:
    """Delete a registered model: one that has links only with --force. No version is touched."""
    _removed(ctx.obj, "model", name, ctx.obj.repository().remove_model(name, force=force))


def rm(ctx: Context, reference: ReferenceArgument, force: ForceOption = False) -> None:
    """Delete a version. Refused while an alias or a link holds it, unless --force.

    Its number is never given again; the space comes back with `mreg gc`, and until then `mreg undo` brings back the
    version, with the aliases and links that --force removed.
    """
    gone = ctx.obj.repository().remove(reference, force=force)
    ctx.obj.note(f"deleted {gone.name}; `mreg gc` gives its space back when the grace period is over")
    ctx.obj.note(f"until then `mreg undo {gone.seq}` brings it back")
    ctx.obj.emit({"name": gone.name, "digest": gone.digest, "seq": gone.seq}, lambda out: out.line(gone.name))


def _created(state: State, kind: str, name: str, made: bool) -> None:
    state.note(f"made {kind} {name}" if made else f"{kind} {name} exists already")
    state.emit({"name": name, "created": made}, lambda out: out.line(name))


def _removed(state: State, kind: str, name: str, seq: int) -> None:
    state.note(f"deleted {kind} {name}; `mreg undo {seq}` brings it back")
    state.emit({"name": name, "seq": seq}, lambda out: out.line(name))
