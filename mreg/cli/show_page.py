"""What `mreg show` prints of an artifact or a model. Of a version: `version_page`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mreg.cli import version_page
from mreg.cli.card_page import card_fields
from mreg.cli.choosing import told
from mreg.cli.output import Out, aliases_text
from mreg.cli.state import State
from mreg.values.front_matter import front_matter
from mreg.values.words import size_text

if TYPE_CHECKING:
    from datetime import datetime

    from mreg import Artifact, Model, Repository, Version


def show(state: State, reference: str) -> None:
    """`mreg show REFERENCE`"""
    reference = state.enter(reference)
    repository = state.repository()
    if ":" in reference or "/" in reference:
        version, around = repository.version(reference), repository.surroundings(reference, told=told(state))
        parts = _parts(repository, reference)
        said = {"consumers": around.consumers, "derived": around.derived, "expires": around.expires}
        body = _whole(version, parts) | said
        state.emit(body, lambda out: version_page.show(out, reference, version, around, parts))
        return
    if repository.kind(reference) == "model":
        show_model(state, repository, repository.model(reference))
    else:
        known = repository.kind(reference)
        artifact = repository.artifact(reference) if known else _unknown(repository, reference)
        show_artifact(state, repository, artifact)


def _unknown(repository: Repository, reference: str) -> Artifact:
    repository.resolve(reference)  # raises UnknownName, with the nearest names
    raise AssertionError


def _parts(repository: Repository, reference: str) -> dict[str, Any]:
    """Properties and attachments, as in JSON."""
    attached = [
        {"name": one.name, "manifest": one.manifest, "files": len(one.files), "size": one.size}
        for one in repository.attachments(reference)
    ]
    return {"properties": repository.properties(reference), "attachments": attached}


def _whole(shown: Artifact | Model | Version, parts: dict[str, Any]) -> dict[str, Any]:
    return {"name": shown.name, **shown._asdict(), **parts}


def _fields(parts: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, "\n".join(lines)) for name, lines in version_page.told(parts).items()]


def show_artifact(state: State, repository: Repository, artifact: Artifact) -> None:
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


def _when(out: Out, time: datetime | None) -> str:
    return "" if time is None else out.when(time)


def show_model(state: State, repository: Repository, model: Model) -> None:
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
