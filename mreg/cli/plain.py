"""The most frequent questions in their plainest form, answered without the parser: loading it is half of start-up.

Whatever is not exactly such a form, every mistake included, is left to the parser, which runs the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mreg import cli, lazy
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.values.names import composed

_FLAGS = {"--json": "json", "-q": "quiet", "--quiet": "quiet"}
"""Options that every command has, and the field of the state that each sets."""
_HELP = ("-h", "--help")
_CHOICE = {"--where": "where", "--sort": "sort", "--limit": "limit"}
_VALUES = {
    "search": _CHOICE,
    "ls": _CHOICE,
    "get": {"--output": "output", "-o": "output"},
    "log": {
        "--artifact": "artifact",
        "-a": "artifact",
        "--alias": "aliases",
        "--link": "links",
        "--message": "message",
        "-m": "message",
        "--meta": "metadata",
    },
}
"""Options with a value, by command, and what each is called here."""

_REPEATABLE = ("where", "aliases", "links", "metadata")


def answer(arguments: list[str], state: State) -> bool:
    """Answer a plain question; False for all other command lines."""
    arguments, given = _options(arguments)
    flags = [word for word in arguments if word.startswith("-")]
    if not {*_FLAGS, *(() if given else _HELP)} >= set(flags):
        return False
    words = [word for word in arguments if not word.startswith("-")]
    if set(flags) & set(_HELP):
        return cli.help.show.page(state, " ".join(words))
    if (run := _with_options(state, words, given) if given else _plain(state, words)) is None:
        return False
    for flag in flags:
        setattr(state, _FLAGS[flag], True)
    run()
    return True


def _options(arguments: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The words without the options that take a value, which stand behind the command, and the values of these."""
    at = next((place for place, word in enumerate(arguments) if not word.startswith("-")), 0)
    names = _VALUES.get("".join(arguments[at : at + 1]), {})
    rest, found = arguments[: at + 1], dict[str, list[str]]()
    words = iter(arguments[at + 1 :])
    for word in words:
        if word in names and (value := next(words, None)) is not None:
            found.setdefault(names[word], []).append(value)
        else:
            rest.append(word)
    return rest, found


def _with_options(state: State, words: list[str], given: dict[str, list[str]]) -> Callable[[], object] | None:
    """A command with options that have a value; each but those that are repeatable is given once."""
    if any(len(values) > 1 for name, values in given.items() if name not in _REPEATABLE):
        return None
    once = {name: values[0] for name, values in given.items() if name not in _REPEATABLE}
    match words:
        case ["get", reference]:
            return partial(cli.get_result.get, state, reference, **once)
        case ["log", _, *_] if "artifact" in once:
            return partial(_log, state, words[1:], given, once)
        case ["search" | "ls", *_]:
            return _choosing(state, words, given)
    return None


def _log(state: State, paths: list[str], given: dict[str, list[str]], once: dict[str, str]) -> None:
    cli.log_result.log(
        state,
        paths,
        once["artifact"],
        message=once.get("message"),
        aliases=given.get("aliases", ()),
        links=given.get("links", ()),
        metadata=lazy.load("mreg.values.metadata").parse_pairs(given.get("metadata", ())),
    )


def _choosing(state: State, words: list[str], given: dict[str, list[str]]) -> Callable[[], object] | None:
    """`mreg search [TEXT]` and `mreg ls NAME`, with --where."""
    sort, limit = given.get("sort", [""]), given.get("limit", ["0"])
    if "where" not in given or not (limit[0].isascii() and limit[0].isdecimal()):
        return None
    chosen = cli.choosing.Chosen(given["where"], sort=cli.choosing.split(sort), limit=int(limit[0]))
    match words:
        case ["search", *text] if len(text) < 2:
            return partial(cli.choosing.search, state, chosen._replace(text=composed("".join(text))))
        case ["ls", name] if _is_name(name):
            return partial(cli.choosing.ls, state, chosen._replace(within=[composed(name)]))
    return None


def _is_name(text: str) -> bool:
    return ":" not in text and not text.endswith("/")


def _plain(state: State, words: list[str]) -> Callable[[], object] | None:
    match words:
        case ["resolve", reference]:
            return partial(resolve, state, reference)
        case ["use", reference]:
            return partial(use, state, reference)
        case ["lineage", reference]:
            return partial(cli.lineage_views.show, state, reference)
        case ["show", reference]:
            return partial(cli.show_page.show, state, reference)
        case ["get", reference]:
            return partial(cli.get_result.get, state, reference)
        case ["history", *name] if len(name) < 2:
            return partial(cli.history_page.history, state, *name)
        case ["alias", "ls", *name] if len(name) < 2:
            return partial(list_aliases, state, *name)
        case ["alias", "set", alias, reference]:
            return partial(set_alias, state, composed(alias), reference)
        case ["help", *rest] if cli.help.show.is_explained(" ".join(rest)):
            return partial(cli.help.show.explain, state, " ".join(rest))
        case ["ls"]:
            return partial(cli.tables.list_collections, state)
        case ["ls", name] if _is_name(name):
            return partial(cli.tables.list_one, state, composed(name))
    return None


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
