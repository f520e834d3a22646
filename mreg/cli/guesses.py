"""What somebody meant who wrote as in other tools, or put things into the wrong places: the command line to write."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence

from mreg.cli.completion.data import COMMANDS, COMMON
from mreg.cli.other_words import FORMS, translated
from mreg.cli.shell import shell_word
from mreg.values import names
from mreg.values.import_kinds import meant as _kinds

CODES = {
    "invalid-name",
    "invalid-reference",
    "unknown-alias",
    "unknown-command",
    "unknown-kind",
    "unknown-model",
    "unknown-name",
    "unknown-remote",
    "unknown-version",
    "usage",
}
"""Errors that such a mistake leads to."""

PLACES = {"no-repository", "no-such-place", "unknown-remote", "invalid-location"}
"""Errors of a command that was given something else where it takes a remote."""

KindOf = Callable[[str], str]
"""Of a name: "artifact", "model", or "" where nothing has it."""

_OF_ONE_VERSION = {"use", "get", "resolve", "show", "files", "ls", "rm", "diff", "annotate", "export"}
_MODELS_URI = re.compile(r"models:/+([^/@]+)(?:/(\d+)|/([^/@]+)|@([^/@]+))?$")
_NUMBER = re.compile(r"([^/:@]+)[@/]v?(\d+)$|([^/:@]+):(\d+)$")
_ALIAS = re.compile(r"([^/:@]+)@([^/:@]+)$")
_BELOW = re.compile(r"([^/:@]+)[/:@]([^/:@]+)$")
_RANGE = re.compile(r"(.+?)\.\.\.?([^.].*)$")
_OWNER = re.compile(r"(?:hf://)?[^/:@]+/([^/:@]+)(?:[:@]([^/:@]+))?$")


def line(arguments: Sequence[str], code: str, kind_of: KindOf = lambda name: "", remotes: Collection[str] = ()) -> str:
    """The command line that was meant, with words in capitals for what is missing; "" where there is no telling.
    remotes: the names of those that exist."""
    if code not in CODES:
        return ""
    typed = list(arguments)
    words = command_of(typed)
    arguments = translated(words, typed, code)
    if words in _OF_ONE_VERSION and code == "usage":
        arguments = _without_version(arguments)
    if words == "import" and code == "usage" and arguments != typed and not _positionals(arguments)[1]:
        arguments = [*arguments, "SOURCE"]
    words, places = _positionals(arguments)
    texts = [arguments[place] for place in places]
    better = _in_other_places(words, texts, kind_of)
    if better is None and words == "export" and len(texts) == 2 and not _has_form(arguments):
        better = [texts[0], "--folder", texts[1]]
    if better is None and code == "unknown-command":
        return _of_group(words, texts)
    if better is None:
        better = texts if code == "usage" else [_reference_in(text, remotes, kind_of) or text for text in texts]
    if (better == texts and arguments == typed) or (code == "usage" and _has_unknown_option(words, arguments)):
        return ""
    return _spelt(arguments, words, places, better)


def with_remote(arguments: Sequence[str], remotes: Collection[str]) -> str:
    """The command line that was meant where a reference stands in the place of a remote: one into a remote
    (`team/mnist:v1`) or a location (`./team/mnist:v1`), or one before it. "" where that is not so."""
    words, places = _positionals(arguments)
    match [words, *(arguments[place] for place in places)]:
        case ["push" | "pull", named, remote, *others] if remote in remotes and named not in remotes:
            return _spelt(arguments, words, places, [remote, named, *others])
        case ["push", named, *others] if "/" in named and named.partition("/")[0] in remotes:
            remote, _, reference = named.partition("/")
            return _spelt(arguments, words, places, [remote, *filter(None, [reference]), *others])
        case ["push" | "pull", named, *others] if found := _IN_LOCATION.fullmatch(named):
            return _spelt(arguments, words, places, [*found.groups(), *others])
    return ""


_IN_LOCATION = re.compile(r"([^?#@]*[^/?#@])/([^/:?#@]+:[^/:?#@]+)")
"""A location with a reference behind it."""


def in_remote(arguments: Sequence[str], name: str, remotes: Collection[str]) -> str:
    """The remote that this name was looked up in; "" where it was this repository, or where there is no telling."""
    words, places = _positionals(arguments)
    texts = [arguments[place] for place in places]
    if words == "pull" and texts and texts[0] in remotes:
        texts = [text if text.startswith(f"{texts[0]}/") else f"{texts[0]}/{text}" for text in texts[1:]]
    found = {head if slash and head in remotes else "" for head, slash, rest in _named(texts, name)}
    return found.pop() if len(found) == 1 else ""


def _named(texts: Sequence[str], name: str) -> list[tuple[str, str, str]]:
    parts = [text.rpartition("/") for text in texts]
    return [(head, slash, rest) for head, slash, rest in parts if rest.partition(":")[0] == name]


def command_of(arguments: Sequence[str]) -> str:
    """The words of the command, as far as there is one."""
    return _positionals(arguments)[0]


def is_source(arguments: Sequence[str], path: str) -> bool:
    """Was `import` told to read it?"""
    return command_of(arguments) == "import" and not {path, f"--data={path}"}.isdisjoint(arguments)


def reference(text: str, kind_of: KindOf = lambda name: "") -> str:
    """The reference of mreg for one of another tool; "" where it is none of these."""
    if text.startswith((".", "~")):  # a path
        return ""
    if found := _MODELS_URI.match(text):
        name, number, stage, alias = found.groups()
        selector = f"v{number}" if number else alias or (stage or "").lower()
        return name if selector in ("", names.LATEST) else f"{name}:{selector}"
    if found := _NUMBER.match(text):
        name, number, other, second = found.groups()
        return f"{name or other}:v{int(number or second)}"
    if found := _ALIAS.match(text):
        return f"{found[1]}:{found[2]}"
    if (found := _BELOW.match(text)) and "/" in text and kind_of(found[1]):
        return f"{found[1]}:{found[2]}"
    if found := _OWNER.match(text):
        return f"{found[1]}:{found[2]}" if found[2] else found[1]
    return ""


def _reference_in(text: str, remotes: Collection[str], kind_of: KindOf) -> str:
    """As `reference`, also of what is in a remote."""
    head, slash, rest = text.partition("/")
    if slash and head in remotes:
        better = reference(rest, kind_of)
        return f"{head}/{better}" if better else ""
    return reference(text, kind_of)


def _in_other_places(words: str, texts: list[str], kind_of: KindOf) -> list[str] | None:
    """The arguments in the order and the form that the command wants."""
    match [words, *texts]:
        case ["alias rm" | "alias rollback", named] | ["alias rm" | "alias rollback", named, _] if ":" in named:
            name, _, alias = named.partition(":")
            return [alias, name]
        case ["alias rm" | "alias rollback", alias]:
            return [alias, "NAME"]
        case ["diff", both] if found := _RANGE.match(both):
            return [found[1], found[2]]
        case ["diff", *sides] if any(_is_path(side, kind_of) for side in sides):
            return [f"./{side}" if _is_path(side, kind_of) else side for side in sides]
        case ["alias set", named] if ":" in named:
            name, _, alias = named.partition(":")
            return ["ALIAS", named] if names.parse_version(alias) is not None else [alias, f"{name}:vN"]
        case ["alias set", alias]:
            return [alias, "NAME:vN"]
        case ["alias set", named, alias] if ":" in named and ":" not in alias:
            return [alias, named]
        case ["alias set", name, alias, number] if _is_number(number):
            return [alias, f"{name}:v{number.removeprefix('v')}"]
        case ["import", one, other] if meant := _kind_and_source(one, other):
            return meant
        case ["remote add" | "remote set" | "push" | "pull" | "clone" | "mirror" | "log" | "import", *_]:
            return texts  # locations and paths have slashes
        case ["get", named, folder] if ":" in named and not _is_number(folder):
            return [named, "--output", folder]
        case ["link", version, place] if better := _in_model(version, place, kind_of):
            return better
        case ["tag add" | "tag rm" | "tag ls", name, *tags] if kind_of(name) == "artifact":
            return [f"{name}:vN", *tags]
        case ["link", model, version] if ":" in version and ":" not in model:
            return [version, model]
        case [one, name, number] if one in _OF_ONE_VERSION and ":" not in name:
            if _is_number(number):
                return [f"{name}:v{number.removeprefix('v')}"]
    return None


def _is_path(text: str, kind_of: KindOf) -> bool:
    """Is it that of a file or folder, which `diff` would know by its first characters?"""
    return not text.startswith((".", "/", "~")) and not kind_of(text) and os.path.exists(text)


def _of_group(words: str, texts: list[str]) -> str:
    """The command line that was meant where a group of commands, such as `alias`, was given no command of it."""
    match [words, *texts]:
        case ["alias", alias, version] if ":" in version and ":" not in alias:
            return f"mreg alias set {shell_word(alias)} {shell_word(version)}"
        case ["alias", version, alias] if ":" in version and ":" not in alias:
            return f"mreg alias set {shell_word(alias)} {shell_word(version)}"
        case ["tag", _, _, *_]:
            return f"mreg tag add {_words(texts)}"
        case ["config", setting, *value] if "." in setting and len(value) < 2:
            return f"mreg config {'set' if value else 'get'} {_words(texts)}"
        case ["model" | "artifact", name] if names.is_name(name):
            return f"mreg {words} show {shell_word(name)}"
    return ""


def _in_model(version: str, place: str, kind_of: KindOf) -> list[str] | None:
    """The arguments of `link` where `place` is a model with an alias of it, or with a number."""
    found = _BELOW.match(place)
    if found is None or (("/" in place or ":" not in version) and kind_of(found[1]) != "model"):
        return None
    alias = [] if names.parse_version(found[2]) is not None else ["--alias", found[2]]
    return [reference(version, kind_of) or version, found[1], *alias]


def _has_unknown_option(words: str, arguments: Sequence[str]) -> bool:
    known = {*COMMON, *COMMANDS.get(words, ("", {}))[1]}
    return any(word.startswith("--") and len(word) > 2 and word.partition("=")[0] not in known for word in arguments)


def _without_version(arguments: list[str]) -> list[str]:
    """With the number alone in the place of `--version 3` and `--version=3`."""
    result: list[str] = []
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        if option == "--version" and _is_number(value if equals else after):
            result += [value] * bool(equals)
        else:
            result.append(word)
    return result


def _has_form(arguments: Sequence[str]) -> bool:
    """Does `export` have an option for what it is to write?"""
    return not {word.partition("=")[0] for word in arguments}.isdisjoint(FORMS.values())


def _kind_and_source(one: str, other: str) -> list[str] | None:
    """The arguments of `import` where the kind of the source was given as one."""
    for kind, source in ((one, other), (other, one)):
        if not os.path.exists(kind) and (found := _kinds(kind)):
            return [source, "--from", found[0]]
    return None


def _is_number(text: str) -> bool:
    return names.parse_version(f"v{text.removeprefix('v')}") is not None


def _positionals(arguments: Sequence[str]) -> tuple[str, list[int]]:
    """The words of the command, and the places of its arguments."""
    words: list[str] = []
    places: list[int] = []
    options: dict[str, tuple[str, str]] = dict(COMMON)
    skip = False
    for place, word in enumerate(arguments):
        if skip:
            skip = False
        elif word.startswith("-") and len(word) > 1:
            skip = bool(options.get(word, ("", ""))[0])
        elif not places and " ".join([*words, word]) in COMMANDS:
            words.append(word)
            options = {**COMMON, **COMMANDS[" ".join(words)][1]}
        else:
            places.append(place)
    return " ".join(words), places


def _spelt(arguments: Sequence[str], words: str, places: list[int], better: list[str]) -> str:
    """The command line with other arguments where the first of its own stood."""
    own = {*words.split(), "--json"}
    rest = [word for place, word in enumerate(arguments) if place not in places and word not in own]
    spelt = [shell_word(word) if not word.isupper() else word for word in (*better, *rest)]
    return " ".join(["mreg", words, *spelt])


def _words(texts: Sequence[str]) -> str:
    return " ".join(map(shell_word, texts))
