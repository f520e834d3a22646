"""The most frequent questions in their plainest form, answered without the parser: loading it is half of start-up.

Whatever is not exactly such a form, every mistake included, is left to the parser, which runs the same functions.
"""

from __future__ import annotations

from functools import partial

from mreg import cli
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.values.names import composed

_FLAGS = {"--json": "json", "-q": "quiet", "--quiet": "quiet"}
"""Options that every command has, and the field of the state that each sets."""
_HELP = ("-h", "--help")


def answer(arguments: list[str], state: State) -> bool:
    """Answer a plain question; False for all other command lines."""
    flags = [word for word in arguments if word.startswith("-")]
    if not {*_FLAGS, *_HELP} >= set(flags):
        return False
    words = " ".join(word for word in arguments if not word.startswith("-"))
    if set(flags) & set(_HELP):
        return cli.help.show.page(state, words)
    match [word for word in arguments if not word.startswith("-")]:
        case ["resolve", reference]:
            run = partial(resolve, state, reference)
        case ["use", reference]:
            run = partial(use, state, reference)
        case ["alias", "ls", *name] if len(name) < 2:
            run = partial(list_aliases, state, *name)
        case ["alias", "set", alias, reference]:
            run = partial(set_alias, state, composed(alias), reference)
        case ["help", *rest] if cli.help.show.is_explained(" ".join(rest)):
            run = partial(cli.help.show.explain, state, " ".join(rest))
        case ["ls"]:
            run = partial(cli.tables.list_collections, state)
        case ["ls", name] if ":" not in name and not name.endswith("/"):
            run = partial(cli.tables.list_one, state, composed(name))
        case _:
            return False
    for flag in flags:
        setattr(state, _FLAGS[flag], True)
    run()
    return True


def resolve(state: State, reference: str) -> None:
    """`mreg resolve REFERENCE`"""
    found = state.repository().resolve(reference)
    state.emit(found, lambda out: out.line(found.name))


def use(state: State, reference: str, run: str | None = None) -> None:
    """`mreg use REFERENCE [--run ID]`"""
    with Bar("preparing", state) as bar:
        path = state.repository().use_path(reference, run=run, progress=bar)
    state.emit({"path": path}, lambda out: out.path(path))


def set_alias(state: State, alias: str, reference: str, expect: str | None = None, message: str | None = None) -> None:
    """`mreg alias set ALIAS REFERENCE [--expect vN] [-m TEXT]`"""
    done = state.repository().set_alias(alias, reference, expect=expect, message=message)
    already = "" if done.changes else f"{done.name}:{alias} is at v{done.number} already"
    cli.changes.tell(state, done.changes, done.seq, already)
    state.emit(done, lambda out: out.line(f"{done.name}:v{done.number}"))


def list_aliases(state: State, name: str | None = None) -> None:
    """`mreg alias ls [NAME]`"""
    found = state.repository().aliases(name)
    rows = [[one.name, one.alias, f"v{one.number}", one.version] for one in found]
    state.emit({"aliases": found}, lambda out: out.table(["name", "alias", "number", "version"], rows))
