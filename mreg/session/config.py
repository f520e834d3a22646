"""`config.toml` of a repository: its format, its identity, and its settings.

The file is a ref like any other (it changes through the journal). Its first lines, the format and the id, are told
without a TOML parser (`mreg.refs.heading`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mreg import lazy, values
from mreg.refs import heading, ref_files
from mreg.refs.heading import DamagedConfig as DamagedConfig, Heading
from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref
from mreg.storage import Remote, Storage, unreadable
from mreg.storage.base import get_known
from mreg.values import captures, formats, toml
from mreg.values.canonical import Malformed
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.formats import NewerFormat as NewerFormat
from mreg.values.named_tuple import NamedTuple

FORMAT = formats.NEWEST
SHARED = "core.shared"

MAX_LENGTH = 1 << 20
"""Of the text: a thousand times what all settings take, and parsed in a second."""


__all__ = ["SETTINGS", "Setting"]


class DamagedSetting(DamagedConfig):
    """Written by other hands: `config set` takes no such value."""

    code = "damaged-setting"
    template = "config.toml sets {name!r} to an invalid value: {reason}"

    name: str


class UnknownSetting(NotFound):
    code = "unknown-setting"
    template = "there is no setting {name!r}"

    name: str


class InvalidSetting(InvalidInput):
    code = "invalid-setting"
    template = "{value!r} is not a valid value for the setting {name!r}: {reason}"

    name: str
    value: str
    reason: str


class Setting(NamedTuple):
    """A setting of a repository. parse: from text to value; raises ValueError with the reason."""

    default: Any
    parse: Callable[[str], Any]
    meaning: str


def _age(text: str) -> str:
    values.ages.parse_seconds(text)
    return text


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("write true or false")
    return text == "true"


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError("write a whole number")
    return int(text)


def _globs(text: str) -> list[str]:
    return text.split()


def _bests(text: str) -> list[str]:
    rules = text.replace(",", " ").split()
    for rule in rules:
        direction, _, rest = rule.partition(":")
        key, _, most = rest.rpartition(":")
        if direction not in (values.directions.MAX, values.directions.MIN) or not key:
            raise ValueError("write max:KEY:N or min:KEY:N; separate several with spaces")
        if not (most.isascii() and most.isdigit()) or len(most) > 9 or int(most) == 0:
            raise ValueError(f"the number to keep must be a whole number above 0, not {most!r}")
    return rules


def _expression(text: str) -> str:
    if text:
        values.filters.filter.Filter(text)
    return text


def _directions(text: str) -> list[str]:
    return values.directions.parse(text)


def _capture(text: str) -> str:
    return ",".join(captures.parse(text)) or captures.NONE


def _sharing(text: str) -> str:
    if text not in (GROUP, "umask"):
        raise ValueError("write `group` or `umask`")
    return text


GROUP = "group"

SETTINGS: dict[str, Setting] = {
    SHARED: Setting(
        "umask", _sharing, "group: all members of the folder's group may write; umask: each writer's umask decides"
    ),
    "gc.grace": Setting("14d", _age, "how long gc keeps unreachable data"),
    "gc.keep-best": Setting(
        [], _bests, "gc keeps the N best versions of each artifact: max:KEY:N or min:KEY:N, separated by spaces"
    ),
    "gc.keep-last": Setting(0, _count, "gc expires versions beyond the newest N of their artifact; 0: no limit"),
    "gc.keep-where": Setting("", _expression, "gc keeps the versions that match this filter; empty: no filter"),
    "gc.older-than": Setting("0", _age, "gc expires versions older than this; 0: no limit"),
    "lock.timeout": Setting("30s", _age, "how long a writer waits for another writer"),
    "log.capture": Setting(
        "git",
        _capture,
        "what `mreg log` records: git, python, packages, argv, gpu, separated by commas; or all, or none",
    ),
    "log.compress": Setting(True, _switch, "whether log compresses chunks"),
    "log.exclude": Setting([], _globs, "patterns (as in .gitignore, separated by spaces) of files that log leaves out"),
    "metrics.direction": Setting(
        [],
        _directions,
        "which values are better: max:KEY or min:KEY, separated by spaces; KEY may be a glob",
    ),
    "use.hard-links": Setting(
        False,
        _switch,
        "whether ready-to-load copies share files by hard links; onnx refuses such files",
    ),
}


def initial(identity: str, number: int = FORMAT) -> str:
    """The text of a new repository's config."""
    return str(Heading(number, identity))


def is_shared(data: bytes) -> bool:
    """Whether the group may write, found without a TOML parser in what `encode` writes."""
    _, found, rest = data.partition(b"\n[core]\n")
    return bool(found) and b'shared = "group"' in rest.partition(b"\n[")[0].split(b"\n")


def identify(data: bytes) -> Heading:
    """Raises DamagedConfig, NewerFormat."""
    return heading.parse(data.decode("utf-8", "replace"))[0]


def read(storage: Storage) -> bytes | None:
    """The whole file. Raises DamagedConfig where it cannot be read."""
    try:
        value = get_known(storage, CONFIG)
    except OSError as error:
        raise DamagedConfig(reason=unreadable(error)) from error
    return value.data if value else None


def exists(storage: Remote) -> bool:
    """By reading it, which also shows that the store can be used. Raises DamagedConfig where it cannot be read."""
    try:
        return storage.get(CONFIG) is not None
    except OSError as error:
        raise DamagedConfig(reason=unreadable(error)) from error


def decode(ref: Ref) -> dict[str, Any]:
    """The settings in the config, by their dotted names. Raises DamagedConfig."""
    text = ref.value or ""
    if text.count("\n") == 2:
        return {}  # the heading is all there is: no need to load a parser
    if len(text) > MAX_LENGTH:
        raise DamagedConfig(reason=f"it is larger than {MAX_LENGTH >> 20} MiB")
    try:
        table = toml.loads(text)
    except Malformed as error:
        raise DamagedConfig(reason=str(error)) from None
    return {
        f"{section}.{key}": value
        for section, entries in table.items()
        if isinstance(entries, dict)
        for key, value in entries.items()
    }


def encode(head: Heading, settings: dict[str, Any]) -> str:
    """The text of the config with these settings."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in sorted(settings.items()):
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = value
    return str(head) + lazy.tomli_w.dumps(sections)


def setting(name: str) -> Setting:
    """Raises UnknownSetting."""
    if name not in SETTINGS:
        raise UnknownSetting(name=name, near=values.names.near(name, list(SETTINGS)))
    return SETTINGS[name]


def parse(name: str, text: str) -> Any:
    """The value that `text` gives the setting. Raises UnknownSetting, InvalidSetting."""
    try:
        return setting(name).parse(text)
    except ValueError as error:
        raise InvalidSetting(name=name, value=text, reason=str(error)) from None


def fault(name: str, value: Any) -> str | None:
    """Why this value, found in config.toml, is not valid for the setting, or None."""
    known = SETTINGS[name]
    if type(value) is not type(known.default):
        return f"it is not of type {type(known.default).__name__}"
    if isinstance(value, list):
        return None if all(isinstance(one, str) for one in value) else "not all elements of the list are strings"
    try:
        known.parse(str(value).lower() if isinstance(value, bool) else str(value))
    except ValueError as error:
        return str(error)
    return None


def value(name: str, settings: Mapping[str, Any]) -> Any:
    """The setting's value among those that the repository sets, else its default. Raises UnknownSetting,
    DamagedSetting."""
    found = settings.get(name, setting(name).default)
    reason = fault(name, found)
    if reason:
        raise DamagedSetting(name=name, reason=reason)
    return found


def understood(read: Callable[[], Ref]) -> dict[str, Any]:
    """The settings in the config, which `read` reads. Raises DamagedConfig."""
    try:
        return decode(read())
    except ref_files.DamagedRef as error:
        raise DamagedConfig(reason=error.reason) from None


def check(data: bytes) -> Ref:
    """The config's ref, trailer verified. Raises DamagedConfig."""
    try:
        return ref_files.decode(CONFIG, data)
    except ref_files.DamagedRef as error:
        raise DamagedConfig(reason=error.reason) from None
