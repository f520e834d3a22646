"""Candidates for each kind of value. Which parameter has which kind is told by `mreg.cli.completion.data`."""

from __future__ import annotations

from itertools import chain, islice

from mreg.session.glance import Glance

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Candidates = Iterator[tuple[str, str]]
    Source = Callable[[Glance, str, list[str]], Candidates]

VERSIONS = 200
"""Versions of a collection that are offered, the newest."""

TOPICS = ("references", "filters", "exit-codes", "json", "formats", "options", "commands")
"""What `mreg help` explains beside commands."""

PATHS = ("/", "./", "../", "~")
"""How paths begin where a reference may stand too."""

ARTIFACT, MODEL = "artifact", "registered model"

SORT_KEYS = ("number", "size", "files", "created")
"""What versions can be sorted by beside their metadata."""


def candidates(kind: str, start: str, arguments: list[str], location: str | None) -> Candidates:
    """What starts so, with descriptions. arguments: those before it. location: the repository that was chosen."""
    if kind in ("side", "remote") and start.startswith(PATHS):
        kind = "files" if kind == "side" else "folders"
    if kind in ("files", "folders"):
        return iter([("", kind)])
    if kind.startswith("|"):
        return _plain(kind[1:].split("|"), start)
    if kind == "setting":
        from mreg.cli.completion.data import SETTINGS  # noqa: PLC0415 - only here are they needed

        return (pair for pair in SETTINGS.items() if pair[0].startswith(start))
    if kind == "topic":
        from mreg.cli.completion.data import COMMANDS  # noqa: PLC0415 - only here are they needed

        every = {**dict.fromkeys(TOPICS, "topic"), **{name: data[0] for name, data in COMMANDS.items()}}
        return (pair for pair in every.items() if pair[0].startswith(start) and pair[0] and " " not in pair[0])
    source = _SOURCES.get(kind)
    return source(Glance(location), start, arguments) if source else iter(())


def _names(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    return chain(_artifacts(glance, start, arguments), _models(glance, start, arguments))


def _artifacts(glance: Glance, start: str, _: list[str]) -> Candidates:
    return ((name, ARTIFACT) for name in glance.artifacts(start))


def _models(glance: Glance, start: str, _: list[str]) -> Candidates:
    return ((name, MODEL) for name in glance.models(start))


def _collections(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    return _here_or_in_remotes(_names, glance, start, arguments)


def _references(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    return _here_or_in_remotes(_references_here, glance, start, arguments)


def _here_or_in_remotes(here: Source, glance: Glance, start: str, arguments: list[str]) -> Candidates:
    """What this repository has or, after `REMOTE/` and if nothing here starts so, what the remotes have."""
    found = here(glance, start, arguments)
    first = None if "/" in start else next(found, None)
    if first is not None:
        return chain([first], found)
    return _in_remotes(here, glance, start, arguments) if start else found


def _in_remotes(here: Source, glance: Glance, start: str, arguments: list[str]) -> Candidates:
    """Only remotes that are folders are looked into: the tab key asks no network."""
    remote, slash, rest = start.partition("/")
    for name, place in glance.remotes():
        if name == remote if slash else name.startswith(remote):
            yield from ((f"{name}/{text}", help) for text, help in here(Glance(place), rest, arguments))


def _references_here(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    name, colon, selector = start.partition(":")
    if not colon:
        return _with_colon(_names(glance, start, arguments))
    return chain(_aliases_of(glance, name, selector), _numbers_of(glance, name, selector, latest=True))


def _with_colon(names: Candidates) -> Candidates:
    """One name alone also with a colon, so that the shell does not end the word: a selector may come."""
    first = list(islice(names, 2))
    if len(first) == 1:
        first += [(f"{first[0][0]}:", "one of its versions")]
    return chain(first, names)


def _links(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    name, colon, selector = start.partition(":")
    return _numbers_of(glance, name, selector) if colon else _with_colon(_models(glance, start, arguments))


def _aliases_of_models(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    name, colon, selector = start.partition(":")
    return _aliases_of(glance, name, selector) if colon else _with_colon(_models(glance, start, arguments))


def _aliases_of(glance: Glance, name: str, start: str) -> Candidates:
    return ((f"{name}:{alias}", number) for alias, number in glance.aliases(name, start))


def _numbers_of(glance: Glance, name: str, start: str, latest: bool = False) -> Candidates:
    numbers = [(f"v{number}", "") for number in islice(glance.numbers(name), VERSIONS)]
    first = [("latest", "the newest")] if latest and numbers else []
    return ((f"{name}:{text}", help) for text, help in first + numbers if text.startswith(start))


def _aliases(glance: Glance, start: str, _: list[str]) -> Candidates:
    return _plain(glance.all_aliases(start), start)


def _runs(glance: Glance, start: str, _: list[str]) -> Candidates:
    return _plain(glance.runs(start), start)


def _tags(glance: Glance, start: str, _: list[str]) -> Candidates:
    return _plain(glance.tags(), start)


def _tags_of_model(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    return _plain(glance.tags(arguments[0]), start)


def _remotes(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    if "/" in start:
        return _in_remotes(_references_here, glance, start, arguments)
    return (pair for pair in glance.remotes() if pair[0].startswith(start))


def _keys(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    """Several may be given, with commas between."""
    before, comma, last = start.rpartition(",")
    return ((before + comma + key, "") for key in _keys_of(glance, arguments) if key.startswith(last))


def _sort_keys(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    sign = "-" if start.startswith("-") else ""
    return _plain([sign + key for key in (*SORT_KEYS, *_keys_of(glance, arguments))], start)


def _assignments(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    return _plain([f"{key}=" for key in _keys_of(glance, arguments)], start)


def _expressions(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    """The key at the end of an expression such as `metrics.acc > 0.9 and params.a`."""
    length = len(start)
    while length and (start[length - 1].isalnum() or start[length - 1] in "._-" or not start[length - 1].isascii()):
        length -= 1
    return _plain([start[:length] + key for key in _keys_of(glance, arguments)], start)


def _keys_of(glance: Glance, arguments: list[str]) -> list[str]:
    return glance.keys(arguments[0].partition(":")[0] if arguments else None)


def _members(glance: Glance, start: str, arguments: list[str]) -> Candidates:
    name, _, selector = arguments[0].partition(":")
    return _plain(glance.files(name, selector), start)


def _plain(values: list[str], start: str) -> Candidates:
    return ((value, "") for value in values if value.startswith(start))


_SOURCES: dict[str, Source] = {
    "name": _collections,
    "artifact": _artifacts,
    "model": _models,
    "reference": _references,
    "side": _references,
    "link": _links,
    "model alias": _aliases_of_models,
    "alias": _aliases,
    "run": _runs,
    "tag": _tags,
    "tag of model": _tags_of_model,
    "remote": _remotes,
    "remote name": _remotes,
    "key": _keys,
    "sort key": _sort_keys,
    "assignment": _assignments,
    "expression": _expressions,
    "member": _members,
}
