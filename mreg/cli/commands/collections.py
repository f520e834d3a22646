"""`mreg artifact …`, `mreg model …` and `mreg rm`: the collections themselves, and deleting."""

from typing import TYPE_CHECKING, Annotated

from mreg.cli.changes import tell
from mreg.cli.commands.params import (
    ArtifactArgument,
    ForceOption,
    ModelArgument,
    ModelForceOption,
    ReasonOption,
    WholeForceOption,
)
from mreg.cli.declared import Argument, Option
from mreg.cli.output import Out
from mreg.cli.show_page import show_artifact, show_model
from mreg.cli.state import State
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg import Changed

DescriptionOption = Annotated[str, Option("--description", "-d", metavar="TEXT", help="Description.")]
FirstOption = Annotated[
    int, Option("--first", metavar="N", least=0, help="Number of the first version or link: 0, or 1 as in MLflow.")
]
TextArgument = Annotated[str, Argument(metavar="TEXT", help="The description.")]
NewNameArgument = Annotated[str, Argument(metavar="NEW", help="The new name.", parse=composed)]


def artifact_create(
    state: State,
    name: ArtifactArgument,
    type_: Annotated[str, Option("--type", help="Type of its versions.")] = "model",
    description: DescriptionOption = "",
    first: FirstOption = 0,
) -> None:
    """Create an empty artifact."""
    done = state.repository().create_artifact(name, type=type_, description=description, first=first)
    _created(state, "artifact", name, done)


def artifact_ls(state: State) -> None:
    """List artifacts: name, type, number of versions, latest, description."""
    found = state.repository().artifacts()
    rows = [[one.name, one.type, str(one.versions), one.latest or "", one.description] for one in found]
    state.emit({"artifacts": found}, lambda out: out.table(["name", "type", "versions", "latest", "description"], rows))


def artifact_show(state: State, name: ArtifactArgument) -> None:
    """Show an artifact."""
    repository = state.repository()
    show_artifact(state, repository, repository.artifact(name))


def artifact_describe(state: State, name: ArtifactArgument, text: TextArgument) -> None:
    """Set an artifact's description."""
    repository = state.repository()
    repository.artifact(name)
    _described(state, name, text, repository.describe(name, text))


def artifact_rename(state: State, name: ArtifactArgument, new: NewNameArgument) -> None:
    """Rename an artifact; versions keep their numbers, and aliases and links follow."""
    _renamed(state, name, new, state.repository().rename_artifact(name, new))


def artifact_rm(state: State, name: ArtifactArgument, force: WholeForceOption = False) -> None:
    """Delete an artifact. If it has versions, this requires --force."""
    _removed(state, "artifact", name, state.repository().remove_artifact(name, force=force))


def model_create(
    state: State,
    name: ModelArgument,
    description: DescriptionOption = "",
    tag: Annotated[list[str] | None, Option("--tag", metavar="TAG", help="A tag. Repeatable.")] = None,
    first: FirstOption = 0,
    type_: Annotated[str | None, Option("--type", help="Type of its versions. Default: `model`.")] = None,
) -> None:
    """Create an empty registered model."""
    repository = state.repository()
    done = repository.create_model(name, description=description, tags=tag or (), first=first, type=type_)
    _created(state, "model", name, done)


def model_ls(state: State) -> None:
    """List registered models: name, type, number of links, aliases, tags, description."""
    found = state.repository().models()
    rows = [
        [one.name, one.type, str(len(one.links)), " ".join(one.aliases), ", ".join(one.tags), one.description]
        for one in found
    ]
    state.emit(
        {"models": found}, lambda out: out.table(["name", "type", "links", "aliases", "tags", "description"], rows)
    )


def model_show(state: State, name: ModelArgument) -> None:
    """Show a registered model: its card, tags, aliases and links."""
    repository = state.repository()
    show_model(state, repository, repository.model(name))


def model_describe(state: State, name: ModelArgument, text: TextArgument) -> None:
    """Set a registered model's description."""
    repository = state.repository()
    repository.model(name)
    _described(state, name, text, repository.describe(name, text))


def model_rename(state: State, name: ModelArgument, new: NewNameArgument) -> None:
    """Rename a registered model; links keep their numbers, and aliases follow."""
    _renamed(state, name, new, state.repository().rename_model(name, new))


def model_rm(state: State, name: ModelArgument, force: ModelForceOption = False) -> None:
    """Delete a registered model. If it has links, this requires --force. Versions are not affected."""
    _removed(state, "model", name, state.repository().remove_model(name, force=force))


def rm(
    state: State,
    references: Annotated[list[str], Argument(metavar="REFERENCE...", help="NAME:vN, or NAME:ALIAS.")],
    force: ForceOption = False,
    message: ReasonOption = None,
) -> None:
    """Delete versions, all or none. If an alias or a link holds one, this requires --force.

    Their numbers are never reused. `mreg gc` frees the space; until then, `mreg undo` restores the
    versions, with the aliases and links that --force removed.
    """
    repository = state.repository()
    gone = repository.remove(references, force=force, message=message)
    held = [one for one in gone.changes if one.kind in ("alias", "link")]
    headline = f"deleted {' '.join(gone.versions)}{', and with it' if held else ''}"
    back = f"restores {'all of it' if held else 'it'} during the next {repository.setting('gc.grace')} (gc.grace)"
    tell(state, held, gone.seq, headline, back)

    def render(out: Out) -> None:
        for name in gone.versions:
            out.line(name)

    state.emit(gone, render)


def _described(state: State, name: str, text: str, done: "Changed") -> None:
    tell(state, done.changes, done.seq, "" if done else f"the description of {name} is unchanged")
    state.emit({"name": name, "description": text, **done._asdict()}, lambda out: None)


def _created(state: State, kind: str, name: str, done: "Changed") -> None:
    made = any(one.kind == kind for one in done.changes)
    state.note(f"made {kind} {name}" if made else f"{kind} {name} exists already")
    state.emit({"name": name, "created": made, **done._asdict()}, lambda out: out.line(name))


def _renamed(state: State, name: str, new: str, done: "Changed") -> None:
    tell(state, done.changes, done.seq, "" if done else f"{name} already has this name")
    state.emit({"name": new, "before": name, **done._asdict()}, lambda out: out.line(new))


def _removed(state: State, kind: str, name: str, done: "Changed") -> None:
    # Of what is deleted itself, only what it said is news.
    others = [
        one._replace(new="") if one.kind == kind else one for one in done.changes if one.kind != kind or one.details
    ]
    tell(state, others, done.seq, f"deleted {kind} {name}{', and with it' if others else ''}", "restores it")
    state.emit({"name": name, **done._asdict()}, lambda out: out.line(name))
