"""`mreg log` and `mreg annotate`."""

from typing import Annotated, Any

from mreg.cli import log_result
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
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import NoPaths
from mreg.cli.state import State
from mreg.small_files import read_named
from mreg.values import captures
from mreg.values.ages import parse_seconds
from mreg.values.file_names import stored
from mreg.values.metadata import MAX_FILE, InvalidMetadata, merge, parse_file, parse_pairs, replaced
from mreg.values.words import count_text


def log(
    state: State,
    artifact: Annotated[str, Option("--artifact", "-a", metavar="NAME", help="Artifact to add the version to.")],
    paths: Annotated[list[str] | None, Argument(metavar="PATH...", help="A folder, or files and folders.")] = None,
    alias: Annotated[
        list[str] | None, Option("--alias", metavar="ALIAS", help="Move this alias to the version. Repeatable.")
    ] = None,
    link: Annotated[
        list[str] | None,
        Option(
            "--link",
            metavar="MODEL[:ALIAS]",
            help="Link the version to this model and move the model's alias. Repeatable.",
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
        Option(
            "--input-file",
            metavar="PATH",
            help="File or folder that the version was made from (digest and size). Repeatable.",
        ),
    ] = None,
    input_uris: Annotated[
        list[str] | None,
        Option("--input-uri", metavar="URI", help="Address of data that the version was made from. Repeatable."),
    ] = None,
    type_: Annotated[str | None, Option("--type", help="Type of the artifact, if it is new.")] = None,
    onto: Annotated[
        str | None,
        Option(
            "--onto",
            metavar="REFERENCE",
            help="Start from the files of this version; PATH... adds or replaces files.",
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        Option("--remove", metavar="PATH", help="With --onto: leave out this file or folder. Repeatable."),
    ] = None,
    base: Annotated[
        str | None,
        Option(
            "--base",
            metavar="REFERENCE",
            help="Store tensors as differences from this version. Default: the artifact's latest.",
        ),
    ] = None,
    include: Annotated[
        list[str] | None, Option("--include", metavar="GLOB", help="Log only matching files. Repeatable.", parse=stored)
    ] = None,
    exclude: Annotated[
        list[str] | None,
        Option("--exclude", metavar="GLOB", help="Leave out matching files. Repeatable.", parse=stored),
    ] = None,
    once: Annotated[
        bool, Option("--once", help="Make no new version if any version of the artifact has this content.")
    ] = False,
    always: Annotated[bool, Option("--always", help="Make a new version even if the content is the same.")] = False,
    capture: Annotated[
        str | None,
        Option(
            "--capture",
            metavar="WHAT",
            help="Record git, python, packages, argv, gpu (comma-separated), all or none.",
        ),
    ] = None,
    python: Annotated[
        str | None,
        Option("--python", metavar="PATH", help="Interpreter used for training. Default: the active environment's."),
    ] = None,
    ttl: Annotated[
        str | None,
        Option("--ttl", metavar="AGE", help="Let `mreg gc` delete it after AGE (30d) unless something holds it."),
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Change nothing; show what would happen.")] = False,
) -> None:
    """Snapshot files as an artifact's next version, and print `NAME:vN`.

    A single folder stands for its contents; several paths keep their names. If the content equals that of the latest
    version, no new version is made: aliases, links, inputs, message and metadata then apply to the latest one, and
    another run is recorded as having used it.

    Patterns are those of .gitignore; a `.mregignore` file in the folder adds more.

    With --onto, PATH... may be omitted.
    """
    if not paths and onto is None and not remove:  # what --remove lacks is --onto
        raise NoPaths()
    log_result.log(
        state,
        paths or (),
        artifact,
        aliases=alias or (),
        links=link or (),
        message=message,
        metadata=_metadata(meta, meta_file),
        run=run,
        inputs=inputs or (),
        input_files=input_files or (),
        input_uris=input_uris or (),
        type=type_,
        onto=onto,
        remove=remove or (),
        base=base,
        include=include or (),
        exclude=exclude or (),
        expect=expect,
        once=once,
        always=always,
        capture=parsed("--capture", capture, captures.parse),
        python=python,
        ttl=parsed("--ttl", ttl, _lifetime) or 0,
        dry_run=dry_run,
    )


def _lifetime(text: str) -> float:
    """An age above 0. Raises ValueError."""
    seconds = parse_seconds(text)
    if not seconds:
        raise ValueError("it must be above 0")
    return seconds


def annotate(
    state: State,
    reference: ReferenceArgument,
    message: MessageOption = None,
    meta: MetaOption = None,
    meta_file: MetaFileOption = None,
    unset: Annotated[
        list[str] | None, Option("--unset", metavar="KEY", help="Metadata key to remove. Repeatable.")
    ] = None,
    inputs: InputOption = None,
    replace: Annotated[bool, Option("--replace", help="Allow a single value to replace a whole mapping.")] = False,
    ttl: Annotated[
        str | None,
        Option("--ttl", metavar="AGE", help="Let `mreg gc` delete it after AGE from now (30d; none: keep it)."),
    ] = None,
) -> None:
    """Change the message, metadata, inputs and expiry of a version; its files never change."""
    metadata = _metadata(meta, meta_file)
    seconds = 0.0 if ttl == "none" else parsed("--ttl", ttl, _lifetime)
    done = state.repository().annotate(
        reference,
        message=message,
        metadata=metadata,
        unset=unset or (),
        inputs=inputs or (),
        replace=replace,
        ttl=seconds,
    )
    tell(state, done.changes, done.seq, "" if done.changed else f"{done.version.name} is unchanged")
    state.emit(done, lambda out: out.line(done.version.name))


def _metadata(pairs: list[str] | None, file: str | None) -> dict[str, Any]:
    """What `--meta-file` says, then what `--meta` says."""
    more = parse_pairs(pairs or ())
    if file is None:
        return more
    metadata = parse_file(read_named(file, MAX_FILE + 1), file)
    for key, count in replaced(metadata, more):
        raise InvalidMetadata(key=key, reason=f"it is a group of {count_text(count, 'value', 'values')} in {file}")
    return merge(metadata, more)
