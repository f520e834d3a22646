"""The words of other tools for commands, options, kinds and forms, and those of mreg that do the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from mreg.cli.completion.data import COMMANDS, COMMON
from mreg.values.import_kinds import meant as kinds
from mreg.values.names import near

OTHER_WORDS = {
    "add": "log",
    "aliases": "alias ls",
    "artifacts": "artifact ls",
    "audit": "history",
    "check": "fsck",
    "checkout": "get",
    "clean": "gc",
    "commit": "log",
    "compare": "diff",
    "create": "log",
    "delete": "rm",
    "deploy": "alias set",
    "download": "get",
    "fetch": "get",
    "find": "search",
    "info": "show",
    "inspect": "show",
    "label": "tag",
    "list": "ls",
    "load": "use",
    "log-artifact": "log",
    "log-model": "log",
    "models": "model ls",
    "move": "alias set",
    "mv": "artifact rename",
    "new": "init",
    "promote": "alias set",
    "prune": "gc",
    "query": "search",
    "register": "link",
    "remove": "rm",
    "rename": "artifact rename",
    "restore": "undo",
    "revert": "undo",
    "rollback": "alias rollback",
    "save": "log",
    "settings": "config ls",
    "size": "du",
    "stage": "alias set",
    "stats": "du",
    "status": "history",
    "tags": "tag ls",
    "transition": "alias set",
    "upload": "log",
    "validate": "fsck",
    "verify": "fsck",
    "versions": "ls",
    "view": "show",
}
"""Commands of other tools, and those of mreg that do the same."""
_IN_GROUPS = {
    "add": ("add", "create", "set"),
    "clean": ("prune",),
    "clear": ("prune",),
    "create": ("set", "add"),
    "del": ("rm",),
    "delete": ("rm", "prune"),
    "edit": ("set",),
    "empty": ("prune",),
    "export": ("create",),
    "gc": ("prune",),
    "info": ("show",),
    "list": ("ls",),
    "make": ("create",),
    "move": ("set", "rename"),
    "mv": ("rename",),
    "new": ("create",),
    "purge": ("prune",),
    "read": ("get",),
    "remove": ("rm", "prune"),
    "revert": ("rollback",),
    "rm": ("prune",),
    "show": ("ls",),
    "undo": ("rollback",),
    "unset": ("rm",),
    "write": ("set",),
}
"""The same, of the commands in a group: the first of these that the group has."""

NEEDLESS = {
    **dict.fromkeys(
        ("login", "logout", "auth", "whoami"), "there are no accounts: access to the folder or bucket is enough"
    ),
    **dict.fromkeys(("server", "serve", "start"), "there is no server: every command works on the repository itself"),
}
"""Commands of other tools that mreg does without, and why."""

OTHER_OPTIONS = {
    "alias ls": {"--name": ""},
    "export": {
        **dict.fromkeys(("--dest", "--dir", "--local-dir", "--output", "--output-dir", "--to", "-o"), "--folder"),
        **dict.fromkeys(("--hub", "--huggingface"), "--hf"),
        **dict.fromkeys(("--kitops", "--modelpack"), "--oci"),
    },
    "get": dict.fromkeys(("--to", "--dest", "--dir", "--local-dir", "--output-dir", "--root"), "--output"),
    "import": {
        **dict.fromkeys(("--format", "--kind", "--tool", "--type"), "--from"),
        **dict.fromkeys(("--model", "--name"), "--artifact"),
        **dict.fromkeys(("--dir", "--input", "--path", "--source"), ""),
    },
    "link": {"--name": "", "--model": ""},
    "log": {"--name": "--artifact", "--model": "--artifact"},
    "ls": {"--filter": "--where", "--order-by": "--sort"},
    "search": {"--filter": "--where", "--filter-string": "--where", "--order-by": "--sort"},
}
"""Options of other tools, and those of mreg that do the same; "" where an argument does."""

FORMS = {"checkpoints": "--folder", "huggingface": "--hf", "oci": "--oci"}
"""The option of `export` for each kind of source that it writes."""

_FORM_OPTIONS = {"--as", "--form", "--format", "--kind", "--to", "--type"}
"""Options of other tools whose value is such a kind."""


def command(word: str, among: Sequence[str], group: str = "") -> list[str]:
    """The commands that somebody may have meant who typed `word`, best first."""
    folded = word.casefold().replace("_", "-")
    if group:
        known = [one for one in _IN_GROUPS.get(folded, ()) if one in among]
        return known[:1] or near(word, list(among))
    if folded in OTHER_WORDS:
        return [OTHER_WORDS[folded]]
    found = near(word, [*among, *OTHER_WORDS])
    first, _, rest = folded.partition("-")
    if not found and rest and first in among:  # import-hf
        return [first]
    return list(dict.fromkeys(OTHER_WORDS.get(one, one) for one in found))


def translated(words: str, arguments: Sequence[str], code: str) -> list[str]:
    """The command line of the command `words`, which failed with `code`, in the options of mreg, and the values that
    they know."""
    result = list(arguments)
    if words == "export":
        result = _with_values(result, _FORM_OPTIONS, _form)
    if code == "usage":
        result = _with_options(result, OTHER_OPTIONS.get(words, {}))
    if words == "import":
        result = _with_values(result, {"--from"}, _kind)
        own = [*COMMON, *COMMANDS["import"][1]]
        result = [part for word in result for part in _kind_as_option(word, own) or [word]]
    return result


def _with_options(arguments: list[str], others: dict[str, str]) -> list[str]:
    """With the options of mreg in the place of those of other tools, but for what is there already."""
    others = {one: own for one, own in others.items() if not {own, "-a"} & set(arguments)}
    result: list[str] = []
    for word in arguments:
        option, _, value = word.partition("=")
        result += filter(None, [others[option], value]) if option in others else [word]
    return result


def _with_values(arguments: list[str], options: Collection[str], better: Callable[[str], list[str]]) -> list[str]:
    """With what is better in the place of each of these options and its value: `--format oci`, `--format=oci`."""
    result: list[str] = []
    for word, before in zip(arguments, ["", *arguments], strict=False):
        option, _, value = word.partition("=")
        if before in options and (found := better(word)):
            result[-1:] = found
        elif option in options and (found := better(value)):
            result += found
        else:
            result.append(word)
    return result


def _kind(text: str) -> list[str]:
    """The option of `import` where it calls this kind of source by another name."""
    found = kinds(text)[:1]
    return ["--from", *found] if found and found != [text] else []


def _kind_as_option(word: str, own: list[str]) -> list[str]:
    """The same, where the kind itself was written as an option: `--hf`."""
    is_other = word.startswith("--") and word.partition("=")[0] not in own and not near(word, own)
    return _kind(word) if is_other else []


def _form(text: str) -> list[str]:
    """The option of `export` for the form that is called so."""
    return [FORMS[kind] for kind in kinds(text)[:1] if kind in FORMS]
