"""`mreg card`."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import mreg
from mreg.cli.card_page import render_card
from mreg.cli.changes import tell
from mreg.cli.declared import Argument, Option
from mreg.cli.output import Out
from mreg.cli.state import State
from mreg.small_files import read_named, scratch_folder
from mreg.values.card import facts_of
from mreg.values.errors import Failed, InvalidInput, UnreadableFile
from mreg.values.front_matter import is_understood
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg import Model, Repository

ENOUGH = 2 << 20
"""Bytes that are read of a card: no card is as long."""


class EditorFailed(Failed):
    code = "editor-failed"
    template = "the editor {editor!r} failed; the card was not changed"

    editor: str


class OneSource(InvalidInput):
    code = "one-source"
    template = "--file and --edit cannot be combined"


def card(
    state: State,
    name: Annotated[str, Argument(metavar="NAME", help="A registered model; to show: also an artifact or version.")],
    file: Annotated[
        str | None,
        Option("--file", metavar="FILE", help="Set the card to this file (-: standard input)."),
    ] = None,
    edit: Annotated[bool, Option("--edit", help="Edit the card with $VISUAL or $EDITOR.")] = False,
) -> None:
    """Show a registered model's card, or set it with --file or --edit.

    A card may start with YAML front matter, as on the Hugging Face Hub: it is shown as fields, its tags become tags of
    the model, and `license` and `base_model` can be searched. In a pipe, the card is printed unchanged. The card of an
    artifact or a version is the README.md among its files.
    """
    if file is not None and edit:
        raise OneSource()
    if file is None and not edit:
        name = state.enter(name)
        _show(state, state.repository(), name)
        return
    repository = state.repository()
    name = composed(name)
    text = _read(file) if file is not None else _edit(repository.card(name))
    done = repository.set_card(name, text)
    tell(state, done.changes, done.seq, "" if done else f"the card of {name} is unchanged")
    before = next((one.old for one in done.changes if one.kind == "card"), None) or text
    _tell_of_tags(state, repository, name, before, text)
    state.emit({"model": name, "changed": bool(done), **done._asdict()}, _nothing)


def _show(state: State, repository: "Repository", name: str) -> None:
    text = repository.card(name)
    model = repository.model(name) if ":" not in name and repository.kind(name) == "model" else None
    version = None if model else repository.resolve(name).name
    if not text:
        for line in _how_to_get_one(repository, name, model, version):
            state.note(line)
    front = mreg.front_matter(text)
    tags = model.tags if model else facts_of(text).tags
    facts = {"model": model and model.name, "version": version, "tags": tags, "fields": front.fields, "card": text}
    state.emit(facts, lambda out: render_card(out, tags, text))


def _how_to_get_one(repository: "Repository", name: str, model: "Model | None", version: str | None) -> Iterator[str]:
    if model is None:
        yield f"{version} has no README.md to show as its card"
        return
    yield f"{name} has no card yet; set one with `mreg card {name} --file README.md`"
    newest = model.links[-1].version if model.links else None
    if newest and repository.card(newest):
        yield f"{newest} has a README.md: `mreg card {newest} | mreg card {name} --file -` uses it as the card"


def _tell_of_tags(state: State, repository: "Repository", name: str, before: str, text: str) -> None:
    """Say which tags of the card the model has not, and which it keeps though the card has them no more."""
    if not is_understood(text):
        state.note(f"the front matter cannot be parsed, and is shown as text; the tags of {name} are unchanged")
        return
    tags, present = facts_of(text).tags, repository.model(name).tags
    strange = [tag for tag in tags if composed(tag) not in present]
    if strange:
        state.note(f"no tags of {name}, as a tag is letters, digits, `_`, `-` and single spaces: {', '.join(strange)}")
    gone = {composed(tag) for tag in facts_of(before).tags} - {composed(tag) for tag in tags}
    for tag in sorted(gone.intersection(present)):
        state.note(f"{name} keeps the tag {tag}: `mreg tag rm {name} {shlex.quote(tag)}` removes it")


def _nothing(out: Out) -> None:
    pass


def _read(file: str) -> str:
    """What is too long, or is not UTF-8, `set_card` refuses."""
    if file != "-":
        return read_named(file, ENOUGH).decode("utf-8", "surrogateescape")
    if sys.stdin is None:
        raise UnreadableFile(path=file, reason="standard input is closed")
    try:
        return sys.stdin.buffer.read(ENOUGH).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UnreadableFile(path=file, reason=error.strerror or str(error)) from None


def _edit(text: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with scratch_folder() as folder:
        path = os.path.join(folder, "card.md")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        # $EDITOR may hold arguments; git, too, hands it to a shell.
        if subprocess.call(["sh", "-c", f'{editor} "$1"', "editor", path]) != 0:
            raise EditorFailed(editor=editor)
        return _read(path)
