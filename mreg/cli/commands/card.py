"""`mreg card`."""

import os
import subprocess
import sys
import tempfile
from typing import Annotated

import typer

from mreg.cli.changes import tell
from mreg.cli.commands.params import ModelArgument
from mreg.cli.context import Context
from mreg.cli.output import Out
from mreg.small_files import read_named
from mreg.values.errors import Failed, InvalidInput, UnreadableFile

ENOUGH = 2 << 20
"""Bytes that are read of a card: no card is as long."""


class EditorFailed(Failed):
    code = "editor-failed"
    template = "the editor {editor!r} failed; the card was not changed"

    editor: str


class OneSource(InvalidInput):
    code = "one-source"
    template = "--file and --edit cannot go together"


def card(
    ctx: Context,
    model: ModelArgument,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Set the card to this file (-: standard input)."),
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Edit the card with $VISUAL or $EDITOR.")] = False,
) -> None:
    """Show a registered model's card, or set it with --file or --edit."""
    repository = ctx.obj.repository()
    if file is not None and edit:
        raise OneSource()
    if file is None and not edit:
        text = repository.card(model)
        if not text:
            ctx.obj.note(f"{model} has no card yet; set one with `mreg card {model} --file README.md`")
        ctx.obj.emit({"model": model, "card": text}, lambda out: out.markdown(text) if text else None)
        return
    text = _read(file) if file is not None else _edit(repository.card(model))
    done = repository.set_card(model, text)
    tell(ctx.obj, done.changes, done.seq, "" if done else f"the card of {model} is the same as before")
    ctx.obj.emit({"model": model, "changed": bool(done), **done._asdict()}, _nothing)


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
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "card.md")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        # $EDITOR may hold arguments; git, too, hands it to a shell.
        if subprocess.call(["sh", "-c", f'{editor} "$1"', "editor", path]) != 0:
            raise EditorFailed(editor=editor)
        return _read(path)
