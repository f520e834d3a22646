"""YAML that other tools wrote, read by PyYAML's safe loader, which makes plain values only.

Aliases are refused: a text of a kilobyte could stand for gigabytes. So is what nests deeply."""

from __future__ import annotations

from typing import Any, Final

from mreg.importers.faults import MalformedSource, NeedsYaml

MAX_YAML: Final = 16 << 20
_DEEPEST: Final = 50


def parse_yaml(data: bytes | str, path: str) -> Any:
    """What one document says. Raises MalformedSource, NeedsYaml."""
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise NeedsYaml(path=path) from None
    if len(data) > MAX_YAML:
        raise MalformedSource(path=path, reason=f"it is larger than {MAX_YAML >> 20} MiB")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check(yaml, yaml.parse(data, loader), path)
        return yaml.load(data, loader)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError):
        # Its constructors trust that what a tag like `!!int` announces follows.
        raise MalformedSource(path=path, reason="it is not YAML") from None


def _check(yaml: Any, events: Any, path: str) -> None:
    """Raises MalformedSource."""
    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise MalformedSource(path=path, reason="it contains YAML aliases, which are not supported")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise MalformedSource(path=path, reason="it is nested too deeply")


def mapping(value: Any) -> dict[str, Any]:
    """The value, where it is a mapping with texts as keys; else an empty one."""
    return {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """The value, where it is a list; else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value, where it is a text or a number; else an empty one."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
