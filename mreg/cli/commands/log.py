"""`mreg log` and `mreg annotate`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mreg.cli.commands.params import (
    InputOption,
    MessageOption,
    MetaFileOption,
    MetaOption,
    ReferenceArgument,
    RunOption,
)
from mreg.cli.context import Context
from mreg.cli.output import Out, size_text
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.small_files import read_named
from mreg.values.metadata import MAX_FILE, merge, parse_file, parse_pairs

if TYPE_CHECKING:
    from mreg import LogResult


def log(
    ctx: Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="A folder, or files and folders.")],
    artifact: Annotated[
        str, typer.Option("--artifact", "-a", metavar="NAME", help="The artifact that gets the version.")
    ],
    alias: Annotated[
        list[str] | None, typer.Option("--alias", metavar="ALIAS", help="Move this alias here. Repeatable.")
    ] = None,
    link: Annotated[
        list[str] | None, typer.Option("--link", metavar="MODEL", help="Link it in this registered model. Repeatable.")
    ] = None,
    message: MessageOption = None,
    meta: MetaOption = None,
    meta_file: MetaFileOption = None,
    run: RunOption = None,
    inputs: InputOption = None,
    type_: Annotated[str | None, typer.Option("--type", help="The artifact's type, where it is new.")] = None,
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; tell what would happen.")] = False,
) -> None:
    """Snapshot files as an artifact's next version, and print `NAME:vN`.

    One folder stands for its contents; of several paths the names are kept. Content that equals the latest
    version's makes no new version: the aliases, links, inputs, message and metadata then apply to that one.
    Patterns are those of .gitignore; a `.mregignore` file in the folder holds more of them.
    """
    metadata = _metadata(meta, meta_file)
    with Bar("logging", ctx.obj) as bar:
        result = ctx.obj.repository().log(
            list(paths),
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
            dry_run=dry_run,
            progress=bar,
        )
    ctx.obj.emit(result, lambda out: _render(ctx.obj, out, result, dry_run))


def _render(state: State, out: Out, result: "LogResult", dry_run: bool) -> None:
    version = result.version
    would = "would be " if dry_run else ""
    if result.created:
        parts = f"{version.files} file{'s' * (version.files != 1)}, {size_text(version.size)}"
        smaller = f", kept in {size_text(result.stored)}" if result.stored < result.new else ""
        state.note(f"{version.name} {would}logged: {parts}, {size_text(result.new)} of it new{smaller}")
    else:
        state.note(f"same content as {version.name}: no new version")
    for model in result.models_created:
        state.note(f"made registered model {model}")
    for link in result.links:
        state.note(f"{link} is {version.name}")
    out.line(version.name)


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
) -> None:
    """Change what is said of a version after the fact; its files never change."""
    metadata = _metadata(meta, meta_file)
    version, changed = ctx.obj.repository().annotate(
        reference, message=message, metadata=metadata, unset=unset or (), inputs=inputs or ()
    )
    if not changed:
        ctx.obj.note(f"{version.name} says so already")
    ctx.obj.emit({"version": version, "changed": changed}, lambda out: out.line(version.name))


def _metadata(pairs: list[str] | None, file: str | None) -> dict[str, Any]:
    """What `--meta-file` says, then what `--meta` says."""
    metadata: dict[str, Any] = {}
    if file is not None:
        metadata = parse_file(read_named(file, MAX_FILE + 1), file)
    return merge(metadata, parse_pairs(pairs or ()))
