"""`mreg get`, without the parser, which takes longer to load than a look at what is there already."""

from __future__ import annotations

import os
from typing import Any

from mreg.cli.exit_codes import DAMAGED
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import path_text
from mreg.values.words import count_text

NAMED = 10
"""How many files a note names."""


def get(state: State, reference: str, output: str | None = None, **options: Any) -> int:
    """`mreg get REFERENCE [-o DIR]`; its exit code. options: as of `Repository.get`."""
    repository = state.repository()
    with Bar("writing", state) as bar:
        done = repository.get(reference, output, **options, progress=bar)
    kept = f", {done.kept} unchanged" if done.kept else ""
    cloned = f" ({done.cloned} as clones)" if done.cloned else ""
    state.note(f"{done.version}: {count_text(done.written, 'file', 'files')} written{cloned}{kept}")
    if done.removed:
        state.note(f"removed, not of {done.version}: {_some(done.removed, state.verbose)}")
    if done.others:
        verb = "is" if len(done.others) == 1 else "are"
        state.warn(f"not of {done.version}, and {verb} still there: {_some(done.others, state.verbose)}")
        if not _holds_more(done.path, repository.location):
            state.note("`mreg get --exact` removes what is not of the version")
    for path in done.damaged:
        state.warn(f"damaged, not written: {path_text(path)}")
    state.emit(done, lambda out: out.path(done.path))
    return DAMAGED if done.damaged else 0


def _holds_more(folder: str, repository: str) -> bool:
    """Whether it holds what nobody means to remove: where people work and live, and the repository."""
    inside = os.path.join(os.path.realpath(folder), "")
    places = (os.getcwd(), os.path.expanduser("~"), repository)
    return any(os.path.join(os.path.realpath(place), "").startswith(inside) for place in places)


def _some(paths: tuple[str, ...], every: bool) -> str:
    """The first of them, and how many more there are."""
    rest = 0 if every else max(0, len(paths) - NAMED)
    named = ", ".join(map(path_text, paths[: len(paths) - rest]))
    return f"{named} and {rest} more" if rest else named
