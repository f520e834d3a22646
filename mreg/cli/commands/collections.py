"""`mreg artifact …`, `mreg model …` and `mreg rm`: the collections themselves, and deleting."""

from typing import Annotated

import typer

from mreg.cli.commands import show
from mreg.cli.commands.params import ArtifactArgument, ForceOption, ModelArgument, ReferenceArgument
from mreg.cli.output import emit, note
from mreg.cli.state import current

DescriptionOption = Annotated[str, typer.Option("--description", "-d", help="What it is.")]
TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="The description.")]
NewNameArgument = Annotated[str, typer.Argument(metavar="NEW", help="The new name.")]


def artifact_create(
    name: ArtifactArgument,
    type_: Annotated[str, typer.Option("--type", help="What kind of thing its versions are.")] = "model",
    description: DescriptionOption = "",
) -> None:
    """Make an empty artifact."""
    made = current.repository().create_artifact(name, type=type_, description=description)
    _created("artifact", name, made)


def artifact_ls() -> None:
    """List artifacts: name, type, number of versions, latest, description."""
    found = current.repository().artifacts()
    rows = [[one.name, one.type, str(one.versions), one.latest or "", one.description] for one in found]
    emit({"artifacts": found}, lambda out: out.table(["name", "type", "versions", "latest", "description"], rows))


def artifact_show(name: ArtifactArgument) -> None:
    """Show an artifact."""
    show.show_artifact(current.repository().artifact(name))


def artifact_describe(name: ArtifactArgument, text: TextArgument) -> None:
    """Set an artifact's description."""
    repository = current.repository()
    repository.artifact(name)
    repository.describe(name, text)
    note(f"described artifact {name}")
    emit({"name": name, "description": text}, lambda out: None)


def artifact_rename(name: ArtifactArgument, new: NewNameArgument) -> None:
    """Rename an artifact; versions keep their numbers, aliases and links follow."""
    current.repository().rename_artifact(name, new)
    emit({"name": new, "before": name}, lambda out: out.line(new))


def artifact_rm(name: ArtifactArgument, force: ForceOption = False) -> None:
    """Delete an artifact: one that has versions only with --force."""
    _removed("artifact", name, current.repository().remove_artifact(name, force=force))


def model_create(
    name: ModelArgument,
    description: DescriptionOption = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag. Repeatable.")] = None,
) -> None:
    """Make an empty registered model."""
    made = current.repository().create_model(name, description=description, tags=tag or ())
    _created("model", name, made)


def model_ls() -> None:
    """List registered models: name, number of links, aliases, tags, description."""
    found = current.repository().models()
    rows = [
        [one.name, str(len(one.links)), ", ".join(one.aliases), ", ".join(one.tags), one.description] for one in found
    ]
    emit({"models": found}, lambda out: out.table(["name", "links", "aliases", "tags", "description"], rows))


def model_show(name: ModelArgument) -> None:
    """Show a registered model: its card, tags, aliases and links."""
    show.show_model(current.repository().model(name))


def model_describe(name: ModelArgument, text: TextArgument) -> None:
    """Set a registered model's description."""
    repository = current.repository()
    repository.model(name)
    repository.describe(name, text)
    note(f"described model {name}")
    emit({"name": name, "description": text}, lambda out: None)


def model_rename(name: ModelArgument, new: NewNameArgument) -> None:
    """Rename a registered model; links keep their numbers, aliases follow."""
    current.repository().rename_model(name, new)
    emit({"name": new, "before": name}, lambda out: out.line(new))


def model_rm(name: ModelArgument, force: ForceOption = False) -> None:
    """Delete a registered model: one that has links only with --force. No version is touched."""
    _removed("model", name, current.repository().remove_model(name, force=force))


def rm(reference: ReferenceArgument, force: ForceOption = False) -> None:
    """Delete a version. Refused while an alias or a link holds it, unless --force.

    Its number is never given again; the space comes back with `mreg gc`, and until then `mreg undo` brings back the
    version, with the aliases and links that --force removed.
    """
    gone = current.repository().remove(reference, force=force)
    note(f"deleted {gone.name}; `mreg gc` gives its space back when the grace period is over")
    note(f"until then `mreg undo {gone.seq}` brings it back")
    emit({"name": gone.name, "digest": gone.digest, "seq": gone.seq}, lambda out: out.line(gone.name))


def _created(kind: str, name: str, made: bool) -> None:
    note(f"made {kind} {name}" if made else f"{kind} {name} exists already")
    emit({"name": name, "created": made}, lambda out: out.line(name))


def _removed(kind: str, name: str, seq: int) -> None:
    note(f"deleted {kind} {name}; `mreg undo {seq}` brings it back")
    emit({"name": name, "seq": seq}, lambda out: out.line(name))
