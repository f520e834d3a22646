"""What `mreg show REFERENCE` prints of a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mreg.cli.layout import width_of, wrapped
from mreg.cli.output import Out, age_text, local_text, time_text
from mreg.cli.text import one_line, path_text
from mreg.values.metadata import flatten
from mreg.values.words import count_text, size_text, value_text

if TYPE_CHECKING:
    from datetime import datetime

    from mreg import DataSource, Origin, Surroundings, Version

GAP = 2
LEAST = 16
"""Columns for what stands beside a heading, however narrow the terminal is."""
_DIGESTS = ("digest", "manifest")


def show(out: Out, reference: str, version: Version, around: Surroundings, parts: Mapping[str, Any]) -> None:
    """Everything about a version: a page on a terminal, `key: value` lines elsewhere. parts: its properties and
    attachments, as in JSON."""
    if out.terminal:
        _page(out, reference, version, around, parts)
    else:
        _lines(out, version, around, parts)


def _lines(out: Out, version: Version, around: Surroundings, parts: Mapping[str, Any]) -> None:
    pairs = [
        ("version", version.name),
        ("aliases", " ".join(version.aliases)),
        ("tags", ", ".join(version.tags)),
        ("links", "\n".join(_links(around))),
        ("message", version.message),
        ("size", _extent(version.size, version.files)),
        ("type", version.type),
        ("created", time_text(version.created)),
        ("author", f"{version.author} on {version.host}"),
        ("run", version.run or ""),
        ("inputs", "\n".join(f"{one.reference} ({one.version[:12]})" for one in version.inputs)),
        ("sources", "\n".join(map(_source, version.sources))),
        ("origin", _origin(version.origin) if version.origin else ""),
        ("used by", "\n".join(f"{one.run} ({time_text(one.time)})" for one in around.consumers)),
        ("derived", "\n".join(_derived(around))),
        ("expires", time_text(around.expires) if around.expires else ""),
        ("digest", version.digest),
        ("manifest", version.manifest),
        *((name, "\n".join(lines)) for name, lines in told(parts).items()),
    ]
    pairs += [(key, value_text(value)) for key, value in flatten(version.metadata).items()]
    out.fields(pairs)


def told(parts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Properties and attachments, a text for each."""
    said = parts["properties"]
    return {
        "properties": [f"{one_line(key)} = {one_line(value_text(said[key]))}" for key in said],
        "attachments": [f"{one['name']} ({_extent(one['size'], one['files'])})" for one in parts["attachments"]],
    }


def _extent(size: int, files: int) -> str:
    return f"{size_text(size)} in {count_text(files, 'file', 'files')}"


def _source(source: DataSource) -> str:
    known = [source.digest[:12]] if source.digest else []
    known += [size_text(source.size)] if source.size is not None else []
    return path_text(source.name) + (f" ({', '.join(known)})" if known else "")


def _origin(origin: Origin) -> str:
    """Where the version was imported from: `mlflow runs/7 by ada, 2026-01-02T03:04:05.000006Z`."""
    words = [origin.system, origin.id or "", f"by {origin.author}" if origin.author else ""]
    return one_line(" ".join(filter(None, words)) + (f", {origin.time}" if origin.time else ""))


def _expiry(version: Version, until: datetime) -> str:
    """When gc lets it go, or what keeps it."""
    if version.aliases or version.links:
        return f"expires {local_text(until)}, but is held"
    return f"expires {local_text(until)}"


def _links(around: Surroundings) -> list[str]:
    return [f"{link} ({' '.join(aliases)})" if aliases else link for link, aliases in around.links.items()]


def _derived(around: Surroundings) -> Sequence[str]:
    if around.derived is None:
        return ["unknown, as records of other versions are damaged; see `mreg fsck`"]
    return around.derived


def _page(out: Out, reference: str, version: Version, around: Surroundings, parts: Mapping[str, Any]) -> None:
    _heading(out, reference, version, around)
    kind = "" if version.type == "model" else f"{version.type} of "
    facts = [f"{kind}{_extent(version.size, version.files)}"]
    facts += [f"logged {age_text(version.created)} by {version.author} on {version.host}"]
    facts += [f"run {version.run}"] if version.run else []
    facts += [_expiry(version, around.expires)] if around.expires else []
    for line in _joined(facts, " · ", out.width):
        out.line(line)
    for line in version.message.splitlines():
        out.wrapped(line)
    groups: list[tuple[str, str, str, Sequence[str]]] = [
        ("tags", ", ", "", list(version.tags)),
        ("links", ", ", "", _links(around)),
        ("made from", ", ", "", [*(one.reference for one in version.inputs), *map(_source, version.sources)]),
        ("imported", "", "", [_origin(version.origin)] if version.origin else []),
        ("used by", ", ", "", [f"{one.run} ({age_text(one.time)})" for one in around.consumers]),
        ("derived", ", ", "", _derived(around)),
        *((name, "   ", "", values) for name, values in _metadata(version).items()),
        *((name, ", ", "", lines) for name, lines in told(parts).items()),
        ("created", " ", "dim", [local_text(version.created)]),
        ("digest", "", "dim", [version.digest]),
        ("manifest", "", "dim", [version.manifest]),
    ]
    shown = [(one_line(name), between, style, texts) for name, between, style, texts in groups if texts]
    indent = max(width_of(name) for name, *_ in shown) + GAP
    for name, between, style, texts in shown:
        room = max(out.width - indent, LEAST)
        whole = texts if name not in _DIGESTS else [texts[0][at : at + room] for at in range(0, len(texts[0]), room)]
        for number, line in enumerate(_joined(whole, between, room)):
            head = "" if number else name
            out.styled((f"{head}{' ' * (indent - width_of(head))}", "dim"), (line, style))


def _heading(out: Out, reference: str, version: Version, around: Surroundings) -> None:
    """The version, also as the link that was asked for, with the aliases on it."""
    name, aliases = version.name, list(version.aliases)
    asked = reference.partition(":")[0]
    link = next((one for one in around.links if one.rpartition(":")[0] == asked), None)
    if link is not None and asked != version.artifact:
        name, aliases = f"{link} = {name}", list(around.links[link])
    fits = width_of(name) + GAP + width_of(" ".join(aliases)) <= out.width
    out.styled((name, ""), (" " * GAP, ""), (" ".join(aliases) if fits else "", "alias"))
    if not fits:
        out.styled((" " * GAP, ""), (" ".join(aliases), "alias"))


def _metadata(version: Version) -> dict[str, list[str]]:
    """The metadata by their first word: `metrics`, `params`; what has no second one, each by itself."""
    groups: dict[str, list[str]] = {}
    for key, value in flatten(version.metadata).items():
        group, _, rest = key.partition(".")
        text = " ".join([*([rest] if rest else []), value_text(value)])
        groups.setdefault(group, []).append(text)
    return groups


def _joined(parts: Sequence[str], separator: str, width: int) -> list[str]:
    """The parts in lines of at most this width, unless a part alone is longer: such are wrapped between words."""
    lines = [""]
    for part in map(one_line, parts):
        more = f"{lines[-1]}{separator}{part}" if lines[-1] else part
        if width_of(more) <= width:
            lines[-1] = more
            continue
        if lines[-1]:
            lines[-1] = f"{lines[-1]}{separator}".rstrip()
            lines.append("")
        lines[-1:] = wrapped(part, width)
    return lines
