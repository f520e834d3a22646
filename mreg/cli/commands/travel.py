"""`mreg push`, `mreg pull` and `mreg clone`."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

from mreg.cli.changes import tell
from mreg.cli.commands.params import parsed
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.output import Out
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.repository import Repository
from mreg.values.names import InvalidReference
from mreg.values.words import count_text, size_text

if TYPE_CHECKING:
    from mreg import Transfer, TravelledVersion

_TOLD = ("alias", "link", "artifact", "model", "card", "annotation")
"""Kinds of changes that are told one by one, beside the versions."""

Every = Annotated[bool, Option("--all", help="Select all versions (of the named collections).")]
Where = Annotated[
    list[str] | None,
    Option("--where", metavar="EXPR", help="Select versions that match (`mreg help filters`). Repeatable."),
]
Alias = Annotated[list[str] | None, Option("--alias", metavar="A", help="Also transfer this alias. Repeatable.")]
Aliases = Annotated[bool, Option("--aliases", help="Also transfer all aliases of the versions.")]
Links = Annotated[bool, Option("--links", help="Also transfer their links in registered models.")]
Tags = Annotated[bool, Option("--tags", help="With --links: also transfer the models' tags.")]
Card = Annotated[bool, Option("--card", help="With --links: also transfer the models' cards.")]
Renumber = Annotated[bool, Option("--renumber", help="Give versions the next free number if theirs is taken.")]
Restore = Annotated[bool, Option("--restore", help="Also transfer versions that the receiving side has deleted.")]
As = Annotated[
    list[str] | None,
    Option("--as", metavar="NAME=OTHER", help="Transfer the collection NAME under the name OTHER. Repeatable."),
]
DryRun = Annotated[bool, Option("--dry-run", help="Change nothing; print the plan and its size.")]


def push(
    state: State,
    remote: Annotated[str, Argument(metavar="REMOTE", help="Location or remote of the other repository.")],
    references: Annotated[
        list[str] | None, Argument(metavar="[REFERENCE]...", help="Versions of this repository.")
    ] = None,
    every: Every = False,
    where: Where = None,
    alias: Alias = None,
    aliases: Aliases = False,
    links: Links = False,
    tags: Tags = False,
    card: Card = False,
    renumber: Renumber = False,
    restore: Restore = False,
    names: As = None,
    dry_run: DryRun = False,
) -> None:
    """Send versions to another repository, and print those that are new there.

    Only data that the other side lacks is sent, and verified on the way. Versions keep their numbers; if a number
    belongs to another version there, nothing changes. An alias moves there only if nobody has moved it there
    since you last saw it. An interrupted push resumes where it stopped.
    """
    with Bar("sending", state) as bar:
        done = state.repository().push(
            remote,
            references or (),
            every=every,
            where=where or (),
            aliases=alias or (),
            all_aliases=aliases,
            links=links,
            tags=tags,
            cards=card,
            renumber=renumber,
            restore=restore,
            names=_names(names),
            dry_run=dry_run,
            progress=bar,
        )
    _tell(state, done, "sent to", done.target)
    state.emit(done, lambda out: _plan(out, done) if dry_run else _new(out, done))


def pull(
    state: State,
    references: Annotated[
        list[str],
        Argument(
            metavar="REMOTE[/REFERENCE]...", help="The other repository, and versions of it (also as REMOTE REFERENCE)."
        ),
    ],
    every: Every = False,
    where: Where = None,
    alias: Alias = None,
    aliases: Aliases = False,
    links: Links = False,
    tags: Tags = False,
    card: Card = False,
    renumber: Renumber = False,
    restore: Restore = False,
    names: As = None,
    dry_run: DryRun = False,
) -> None:
    """Fetch versions from another repository, and print those that are new here.

    Like `mreg push` in the other direction: data already here is not fetched, versions keep their numbers, and an
    alias moves here only if nobody has moved it here since the last transfer.
    """
    remote, wanted = _split(references)
    with Bar("fetching", state) as bar:
        done = state.repository().pull(
            sys.stdin.buffer if remote == "-" else remote,
            wanted,
            every=every,
            where=where or (),
            aliases=alias or (),
            all_aliases=aliases,
            links=links,
            tags=tags,
            cards=card,
            renumber=renumber,
            restore=restore,
            names=_names(names),
            dry_run=dry_run,
            progress=bar,
        )
    _tell(state, done, "fetched from", done.source)
    state.emit(done, lambda out: _plan(out, done) if dry_run else _new(out, done))


def _split(given: list[str]) -> tuple[str, list[str]]:
    """The remote, and the references: what looks like a location is one, else it is REMOTE/REFERENCE. Where the remote
    stands alone, the references may name it again: in it, its own name means nothing."""
    first, *others = given
    remote, slash, reference = first.partition("/")
    if "://" in first or not slash or first.startswith((".", "/", "~")) or os.path.exists(first):
        return first, [text.removeprefix(f"{first}/") for text in others]
    wanted = [reference] if reference else []
    for text in others:
        name, slash, reference = text.partition("/")
        if not slash or name != remote:
            raise InvalidReference(text=text, reason=f"it is not in {remote!r}, unlike the first one")
        wanted.append(reference)
    return remote, wanted


def _names(given: list[str] | None) -> dict[str, str]:
    """Raises BadUsage."""
    pairs = [parsed("--as", text, _pair) for text in given or ()]
    return dict(pair for pair in pairs if pair)


def _pair(text: str) -> tuple[str, str]:
    name, _, other = text.partition("=")
    if not (name and other):
        raise ValueError("write NAME=OTHER")
    return name, other


def clone(
    state: State,
    remote: Annotated[str, Argument(metavar="LOCATION", help="Location of the other repository.")],
    folder: Annotated[
        str | None, Argument(metavar="[DIR]", help="Create DIR/.mreg. Default: the name of the other repository.")
    ] = None,
) -> None:
    """Create a repository with all versions, aliases, links, tags and cards of another; print its path.

    The clone is an independent repository; its remote `origin` is the other one, so that changes can be pushed back.
    An interrupted clone resumes where it stopped.
    """
    with Bar("fetching", state) as bar:
        made, done = Repository.clone(remote, folder, author=os.environ.get("MREG_AUTHOR"), progress=bar)
    _tell(state, done, "fetched from", done.source)
    state.emit(done, lambda out: out.path(made.location))


def mirror(
    state: State,
    location: Annotated[str, Argument(metavar="REMOTE", help="Location or remote of the mirror.")],
) -> None:
    """Create or update a mirror of this repository, and print its location.

    A mirror is the same repository in another place, with the same id, journal and data. Write only to the original:
    a mirror that was written to is refused. An interrupted run resumes where it stopped.
    """
    with Bar("copying", state) as bar:
        done = state.repository().mirror(location, progress=bar)
    state.note(f"{count_text(done.entries, 'entry', 'entries')} copied, {size_text(done.bytes)} of data")
    state.emit(done, lambda out: out.path(done.target))


def bundle_create(
    state: State,
    file: Annotated[str, Argument(metavar="FILE", help="File to create (-: standard output).")],
    references: Annotated[
        list[str] | None, Argument(metavar="[REFERENCE]...", help="Versions of this repository.")
    ] = None,
    every: Every = False,
    where: Where = None,
    since: Annotated[
        str | None,
        Option("--since", metavar="FILE", help="Leave out data that this bundle or repository has."),
    ] = None,
) -> None:
    """Write versions to a file for `mreg pull`, and print its name.

    The bundle contains everything that can be transferred with the versions; `mreg pull FILE` selects from it. While it
    is being written, it is called FILE.part, and an interrupted run resumes from that file. `-` is standard output;
    `mreg pull -` reads it.
    """
    streamed = file == "-"
    if streamed and (state.json or sys.stdout.isatty()):
        reason = "beside --json" if state.json else "to a terminal"
        raise BadUsage(f"a bundle cannot be written {reason}: write it to a file or a pipe")
    with Bar("writing", state) as bar:
        done = state.repository().create_bundle(
            sys.stdout.buffer if streamed else file,
            references or (),
            every=every,
            where=where or (),
            since=since,
            progress=bar,
        )
    for line in _headline(done, "written to", "standard output" if streamed else file):
        state.note(line)
    if not streamed:
        state.emit(done, lambda out: out.path(file))


def _tell(state: State, done: "Transfer", verb: str, where: str) -> None:
    changes = [one for one in done.changes if one.kind in _TOLD]
    first, second = _headline(done, verb, where)
    state.note(first)
    tell(state, changes, None, second)
    rows = [(old, f"is {new}") for old, new in done.renumbered.items()]
    rows += [(one.version, "was deleted, and stays deleted; --restore brings it back") for one in _of(done, "deleted")]
    rows += [(name, "the other side has more annotations") for name in done.ahead]
    rows += [(name, "is not there; its number is reserved") for name in done.reserved]
    state.note_rows(rows)


def _headline(done: "Transfer", verb: str, where: str) -> tuple[str, str]:
    """Two lines, as one would be wider than a terminal."""
    new = [*_of(done, "new"), *_of(done, "restored")]
    there = len(_of(done, "there"))
    words = f"{count_text(len(new), 'version', 'versions')} {'would be ' if done.dry_run else ''}{verb} {where}"
    words += f", {there} already there" if there else ""
    exact = f" ({done.bytes} bytes)" if done.bytes >= 1024 else ""
    sent = f"{size_text(done.bytes)}{exact} in {count_text(done.chunks, 'chunk', 'chunks')}"
    return words, f"  {sent}"


def _of(done: "Transfer", state: str) -> list["TravelledVersion"]:
    return [one for one in done.versions if one.state == state]


def _new(out: Out, done: "Transfer") -> None:
    for one in done.versions:
        if one.state in ("new", "restored"):
            out.line(one.version)


def _plan(out: Out, done: "Transfer") -> None:
    rows = [[one.source, one.version, one.state, size_text(one.size)] for one in done.versions]
    out.table(["version", "there", "state", "size"], rows)
