"""`mreg log` and `mreg annotate`."""

import time
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

import mreg
from mreg.cli.changes import tell
from mreg.cli.commands.params import (
    ExpectOption,
    InputOption,
    MessageOption,
    MetaFileOption,
    MetaOption,
    ReferenceArgument,
    RunOption,
    parsed,
)
from mreg.cli.context import Context
from mreg.cli.errors import NoPaths
from mreg.cli.output import Out, time_text
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.small_files import read_named
from mreg.values import captures
from mreg.values.ages import age_text, parse_seconds
from mreg.values.metadata import MAX_FILE, InvalidMetadata, merge, parse_file, parse_pairs, replaced
from mreg.values.records import DataSource
from mreg.values.words import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mreg import LogResult, Noticed, Repository

MOST_NAMED = 5
"""How many folders a note names."""


def log(
    ctx: Context,
    artifact: Annotated[
        str, typer.Option("--artifact", "-a", metavar="NAME", help="The artifact that gets the version.")
    ],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="A folder, or files and folders.", show_default=False)
    ] = None,
    alias: Annotated[
        list[str] | None, typer.Option("--alias", metavar="ALIAS", help="Move this alias here. Repeatable.")
    ] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(
            "--link",
            metavar="MODEL[:ALIAS]",
            help="Link it in this model, and move this alias of it. Repeatable.",
        ),
    ] = None,
    expect: ExpectOption = None,
    message: MessageOption = None,
    meta: MetaOption = None,
    meta_file: MetaFileOption = None,
    run: RunOption = None,
    inputs: InputOption = None,
    input_files: Annotated[
        list[str] | None,
        typer.Option(
            "--input-file",
            metavar="PATH",
            help="A file or folder that it was made from (digest and size). Repeatable.",
        ),
    ] = None,
    input_uris: Annotated[
        list[str] | None,
        typer.Option("--input-uri", metavar="URI", help="An address of data that it was made from. Repeatable."),
    ] = None,
    type_: Annotated[str | None, typer.Option("--type", help="The artifact's type, where it is new.")] = None,
    onto: Annotated[
        str | None,
        typer.Option(
            "--onto",
            metavar="REFERENCE",
            help="The version has the files of this one too, where PATH... does not replace them.",
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="PATH", help="With --onto: but not this file or folder. Repeatable."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="REFERENCE",
            help="Store tensors as differences to this version's. Default: the artifact's latest.",
        ),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option("--include", metavar="GLOB", help="Log only what matches. Repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="GLOB", help="Leave out what matches. Repeatable.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="No new version if any version of the artifact has this content.")
    ] = False,
    always: Annotated[bool, typer.Option("--always", help="Make a version also of equal content.")] = False,
    capture: Annotated[
        str | None,
        typer.Option(
            "--capture",
            metavar="WHAT",
            help="Record git, python, packages, argv, gpu (with commas); all; none. Default: log.capture.",
        ),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            "--python", metavar="PATH", help="The interpreter that trains. Default: the active environment's."
        ),
    ] = None,
    ttl: Annotated[
        str | None,
        typer.Option("--ttl", metavar="AGE", help="Let `mreg gc` delete it after AGE (30d), if nothing holds it then."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; tell what would happen.")] = False,
) -> None:
    """Snapshot files as an artifact's next version, and print `NAME:vN`.

    One folder stands for its contents; of several paths the names are kept. Content that equals the latest
    version's makes no new version: the aliases, links, inputs, message and metadata then apply to that one; another
    run is recorded as one that used it.
    Patterns are those of .gitignore; a `.mregignore` file in the folder holds more of them.

    With --onto, no PATH... is needed where --remove says what changes.
    """
    if not paths and onto is None and not remove:  # what --remove lacks is --onto
        raise NoPaths()
    metadata = _metadata(meta, meta_file)
    seconds = parsed("--ttl", ttl, _lifetime) or 0
    repository = ctx.obj.repository()
    sources = [*map(repository.data_source, input_files or ()), *(DataSource("uri", uri) for uri in input_uris or ())]
    with Bar("logging", ctx.obj, sums_up=False) as bar:
        result = repository.log(
            paths or (),
            artifact,
            aliases=alias or (),
            links=link or (),
            message=message,
            metadata=metadata,
            run=run,
            inputs=inputs or (),
            type=type_,
            base=base,
            include=include or (),
            exclude=exclude or (),
            expect=expect,
            once=once,
            always=always,
            dry_run=dry_run,
            sources=sources,
            onto=onto,
            remove=remove or (),
            captured=_captured(ctx.obj, repository, capture, python),
            ttl=seconds,
            progress=bar,
        )
    if result.fetched:
        ctx.obj.note(f"fetched {size_text(result.fetched)} of {base}, to store differences to it")
    ctx.obj.emit(result, lambda out: _render(ctx.obj, out, result, dry_run))
    if seconds and not result.created and (note := _unshortened(result, seconds)):
        ctx.obj.note(note)


def _lifetime(text: str) -> float:
    """An age above 0. Raises ValueError."""
    seconds = parse_seconds(text)
    if not seconds:
        raise ValueError("write more than 0")
    return seconds


def _unshortened(result: "LogResult", asked: float) -> str:
    """What to tell where content that is there already does not get the expiry that was asked for."""
    name, until = result.version.name, result.expires
    change = f"`mreg annotate {name} --ttl {age_text(asked)}` changes that"
    if until is None:
        return f"{name} was logged without an expiry before, and keeps none: {change}"
    later = until.timestamp() > time.time() + asked + 60
    return f"{name} expires later, {time_text(until)}, and keeps that: {change}" if later else ""


def _captured(state: State, repository: "Repository", asked: str | None, python: str | None) -> dict[str, Any]:
    """Of the checkout that the command is run in, and of the interpreter that trains. What only the setting asks for is
    no reason not to log."""
    wanted = parsed("--capture", asked, captures.parse)
    what = captures.parse(repository.setting("log.capture")) if wanted is None else wanted
    if what in ((), ("git",)):
        if python:
            raise typer.BadParameter("it is asked for with --capture python, packages or gpu", param_hint="--python")
        return mreg.capture(*what)
    try:
        return mreg.capture(*what, python=python or True)
    except mreg.CannotAsk as error:
        if wanted is not None or python:
            raise
        state.warn(f"{error}; recorded without (setting log.capture)")
        return mreg.capture(*(one for one in what if one == "git"))


def _render(state: State, out: Out, result: "LogResult", dry_run: bool) -> None:
    headline = _made(result, dry_run) if result.created else f"same content as {result.version.name}: no new version"
    if result.healed:
        headline += f"; {size_text(result.healed)} of it was damaged in the repository and has been stored again"
    others = [one for one in result.changes if one.kind not in ("version", "artifact")]
    tell(state, others, result.seq, headline)
    if state.verbose:
        _tell_effort(state, result)
    if result.left_out:
        state.note(_left_out(result.left_out))
    if result.noticed:
        _tell_unwanted(state, result.noticed)
    out.line(result.version.name)


def _made(result: "LogResult", dry_run: bool) -> str:
    version, would = result.version, "would be " if dry_run else ""
    stored = f", stored in {size_text(result.stored)}" if result.stored < result.new else ""
    new = f"{size_text(result.new)} new{stored}"
    return f"{version.name}  {would}{size_text(version.size)} in {count_text(version.files, 'file', 'files')}, {new}"


def _left_out(folders: "Sequence[str]") -> str:
    named = ", ".join(path_text(f"{folder}/") for folder in folders[:MOST_NAMED]) + ", …" * (len(folders) > MOST_NAMED)
    count = count_text(len(folders), "empty folder is", "empty folders are")
    return f"{count} left out: {named}; a repository of format 1 cannot hold them (`mreg upgrade` raises the format)"


def _tell_effort(state: State, result: "LogResult") -> None:
    read = f"read {size_text(result.bytes_read)} in {count_text(result.files_read, 'file', 'files')}"
    known = result.version.files - result.files_read
    looks = count_text(known, "file looks as it did when it was", "files look as they did when they were")
    state.note(f"{read}; {looks} logged before" if known else read)
    state.note(f"{size_text(result.new)} new to the repository, stored in {size_text(result.stored)}")
    phases = ", ".join(f"{phase} {spent / 1000:.2f} s" for phase, spent in result.milliseconds.items())
    state.note(f"{sum(result.milliseconds.values()) / 1000:.2f} s: {phases}")


def _tell_unwanted(state: State, noticed: "tuple[Noticed, ...]") -> None:
    """One note that names what was probably logged by mistake, and shows the options that leave it out."""
    for kind, meaning in (("secret", "may hold secrets"), ("clutter", "seldom wanted")):
        shown = [_shown(one) for one in noticed if one.kind == kind]
        if shown:
            state.note(f"{meaning}: {', '.join(shown)}")
    exclude = [f"--exclude {quote(one.pattern)}" for one in noticed if one.kind != "reserved"]
    if exclude:
        state.note(f"leave them out: {' '.join(exclude)}")
    kept_out = [_shown(one) for one in noticed if one.kind == "reserved"]
    if kept_out:
        state.note(f"left out, as no version may hold it: {', '.join(kept_out)}")


def _shown(one: "Noticed") -> str:
    return path_text(one.example) if one.files == 1 else f"{one.pattern} ({one.files} files)"


def annotate(
    ctx: Context,
    reference: ReferenceArgument,
    message: MessageOption = None,
    meta: MetaOption = None,
    meta_file: MetaFileOption = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="KEY", help="Metadata key to remove. Repeatable.")
    ] = None,
    inputs: InputOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let a single value take the place of a whole group of values.")
    ] = False,
    ttl: Annotated[
        str | None,
        typer.Option("--ttl", metavar="AGE", help="Let `mreg gc` delete it AGE from now (30d; none: keep it)."),
    ] = None,
) -> None:
    """Change the message, metadata, inputs and expiry of a version; its files never change."""
    metadata = _metadata(meta, meta_file)
    seconds = 0.0 if ttl == "none" else parsed("--ttl", ttl, _lifetime)
    done = ctx.obj.repository().annotate(
        reference,
        message=message,
        metadata=metadata,
        unset=unset or (),
        inputs=inputs or (),
        replace=replace,
        ttl=seconds,
    )
    tell(ctx.obj, done.changes, done.seq, "" if done.changed else f"{done.version.name} is unchanged")
    ctx.obj.emit(done, lambda out: out.line(done.version.name))


def _metadata(pairs: list[str] | None, file: str | None) -> dict[str, Any]:
    """What `--meta-file` says, then what `--meta` says."""
    more = parse_pairs(pairs or ())
    if file is None:
        return more
    metadata = parse_file(read_named(file, MAX_FILE + 1), file)
    for key, count in replaced(metadata, more):
        raise InvalidMetadata(key=key, reason=f"it is a group of {count_text(count, 'value', 'values')} in {file}")
    return merge(metadata, more)
