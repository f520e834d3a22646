"""What `mreg log` does once its options are understood, and what it prints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

import mreg
from mreg.cli.changes import tell
from mreg.cli.errors import BadUsage
from mreg.cli.output import Out, time_text
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values import captures
from mreg.values.ages import age_text
from mreg.values.records import DataSource
from mreg.values.words import count_text, size_text

if TYPE_CHECKING:
    from mreg import LogResult, Noticed, Repository

MOST_NAMED = 5
"""How many folders a note names."""


def log(
    state: State,
    paths: Sequence[str],
    artifact: str,
    *,
    input_files: Sequence[str] = (),
    input_uris: Sequence[str] = (),
    capture: tuple[str, ...] | None = None,
    python: str | None = None,
    ttl: float = 0.0,
    dry_run: bool = False,
    **options: Any,
) -> None:
    """`mreg log PATH... --artifact NAME`. capture: what is to be recorded; None: as the setting says. python: the
    interpreter that trains. options: as of `Repository.log`."""
    repository = state.repository()
    sources = [*map(repository.data_source, input_files), *(DataSource("uri", uri) for uri in input_uris)]
    captured = _captured(state, repository, capture, python)
    with Bar("logging", state, sums_up=False) as bar:
        result = repository.log(
            paths, artifact, **options, sources=sources, captured=captured, ttl=ttl, dry_run=dry_run, progress=bar
        )
    if result.fetched:
        state.note(f"fetched {size_text(result.fetched)} of {options['base']}, to store differences from it")
    state.emit(result, lambda out: _render(state, out, result, dry_run))
    if capture and not result.created:
        state.note(f"{result.version.name} keeps what was recorded when it was made: --capture is for new versions")
    if ttl and not result.created and (note := _unshortened(result, ttl)):
        state.note(note)


def _unshortened(result: LogResult, asked: float) -> str:
    """What to tell where content that is there already does not get the expiry that was asked for."""
    name, until = result.version.name, result.expires
    change = f"`mreg annotate {name} --ttl {age_text(asked)}` changes that"
    if until is None:
        return f"{name} was logged without an expiry before, and still has none: {change}"
    later = until.timestamp() > time.time() + asked + 60
    return f"{name} keeps its later expiry, {time_text(until)}: {change}" if later else ""


def _captured(
    state: State, repository: Repository, wanted: tuple[str, ...] | None, python: str | None
) -> dict[str, Any]:
    """Of the checkout that the command is run in, and of the interpreter that trains. What only the setting asks for is
    no reason not to log."""
    what = captures.parse(repository.setting("log.capture")) if wanted is None else wanted
    if what in ((), ("git",)):
        if python:
            raise BadUsage("it is only used with --capture python, packages or gpu", name="--python")
        return mreg.capture(*what)
    try:
        return mreg.capture(*what, python=python or True)
    except mreg.CannotAsk as error:
        if wanted is not None or python:
            raise
        state.warn(f"{error}; logged without that information (setting log.capture)")
        return mreg.capture(*(one for one in what if one == "git"))


def _render(state: State, out: Out, result: LogResult, dry_run: bool) -> None:
    same = f"same content as {result.version.name}: {'there would be ' if dry_run else ''}no new version"
    headline = _made(result, dry_run) if result.created else same
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


def _made(result: LogResult, dry_run: bool) -> str:
    version, would = result.version, "would be " if dry_run else ""
    stored = f", stored in {size_text(result.stored)}" if result.stored < result.new else ""
    new = f"{size_text(result.new)} new{stored}"
    return f"{version.name}  {would}{size_text(version.size)} in {count_text(version.files, 'file', 'files')}, {new}"


def _left_out(folders: Sequence[str]) -> str:
    named = ", ".join(path_text(f"{folder}/") for folder in folders[:MOST_NAMED]) + ", …" * (len(folders) > MOST_NAMED)
    count = count_text(len(folders), "empty folder is", "empty folders are")
    return f"{count} left out: {named}; a repository of format 1 cannot hold them (`mreg upgrade` raises the format)"


def _tell_effort(state: State, result: LogResult) -> None:
    read = f"read {size_text(result.bytes_read)} in {count_text(result.files_read, 'file', 'files')}"
    known = result.version.files - result.files_read
    looks = count_text(known, "file unchanged since it was", "files unchanged since they were")
    state.note(f"{read}; {looks} last logged" if known else read)
    state.note(f"{size_text(result.new)} new to the repository, stored in {size_text(result.stored)}")
    phases = ", ".join(f"{phase} {spent / 1000:.2f} s" for phase, spent in result.milliseconds.items())
    state.note(f"{sum(result.milliseconds.values()) / 1000:.2f} s: {phases}")


def _tell_unwanted(state: State, noticed: tuple[Noticed, ...]) -> None:
    """One note that names what was probably logged by mistake, and shows the options that leave it out."""
    for kind, meaning in (("secret", "may hold secrets"), ("clutter", "seldom wanted")):
        shown = [_shown(one) for one in noticed if one.kind == kind]
        if shown:
            state.note(f"{meaning}: {', '.join(shown)}")
    exclude = [f"--exclude {quote(one.pattern)}" for one in noticed if one.kind != "reserved"]
    if exclude:
        state.note(f"to leave them out: {' '.join(exclude)}")
    kept_out = [_shown(one) for one in noticed if one.kind == "reserved"]
    if kept_out:
        state.note(f"left out, as versions cannot contain it: {', '.join(kept_out)}")


def _shown(one: Noticed) -> str:
    return path_text(one.example) if one.files == 1 else f"{one.pattern} ({one.files} files)"
