"""A folder that can be uploaded to the Hugging Face Hub: the version's files, and a card with front matter."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any, Final

from mreg.exporters.plan import Copied, Plan, Subject
from mreg.values.file_names import local
from mreg.values.front_matter import front_matter, is_understood
from mreg.values.metadata import flatten

_CARD: Final = "README.md"
_ATTRIBUTES: Final = ".gitattributes"
_LARGE: Final = 10 << 20
"""Larger files the Hub takes by Git LFS only."""


def plan(subject: Subject) -> Plan:
    manifest = subject.manifest
    files = [file for file in manifest.files if file.path.casefold() != _CARD.casefold()]
    card = subject.card()
    understood = is_understood(card)
    texts = {_CARD: (_completed(card, subject) if understood else card).encode("utf-8")}
    paths = {file.path for file in files}
    attributes = "".join(_attributes(subject))
    if attributes and _ATTRIBUTES not in paths:
        texts[_ATTRIBUTES] = attributes.encode("utf-8")
    return Plan(
        rest=lambda _: texts,
        copied=tuple(Copied(local(file.path), file) for file in files),
        folders=tuple(map(local, manifest.folders)),
        reserved=tuple(texts),
        notes=() if understood else ("the front matter of the card cannot be parsed, and is left as it is",),
    )


def _completed(card: str, subject: Subject) -> str:
    """The card, with what its front matter lacks; without one, what is known of the version."""
    said = front_matter(card).fields
    known = _facts(subject)
    more = "".join(f"{key}: {_yaml(value)}\n" for key, value in known.items() if value and key not in said)
    text = card or _body(subject)
    if not more:
        return text
    if said:
        first, _, rest = text.removeprefix("\ufeff").partition("\n")
        return f"{first.rstrip()}\n{more}{rest}"
    return f"---\n{more}---\n\n{text}"


def _facts(subject: Subject) -> dict[str, Any]:
    version = subject.version
    return {
        "license": _one_or_all(version.licenses),
        "base_model": _one_or_all(version.base_models),
        "tags": list(subject.tags),
        "mreg": {"version": version.name, "digest": version.digest},
    }


def _one_or_all(texts: tuple[str, ...]) -> Any:
    return texts[0] if len(texts) == 1 else list(texts)


def _yaml(value: Any) -> str:
    """What JSON is, YAML reads."""
    return json.dumps(value, ensure_ascii=False)


def _body(subject: Subject) -> str:
    version = subject.version
    parts = [f"# {subject.name}\n"]
    if version.message:
        parts.append(f"{version.message}\n")
    rows = [f"| {_cell(key)} | {_cell(value)} |\n" for key, value in flatten(version.metadata).items()]
    if rows:
        parts.append("".join(["| | |\n| --- | --- |\n", *rows]))
    parts.append(f"Version {version.name} of {version.created:%Y-%m-%d}, digest `{version.digest}`.\n")
    return "\n".join(parts)


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def _attributes(subject: Subject) -> Iterator[str]:
    """A line for each ending of large files; for files without one, their names."""
    large = [file.path for file in subject.manifest.files if file.size > _LARGE]
    for pattern in dict.fromkeys(_pattern(path) for path in large):
        yield f"{pattern} filter=lfs diff=lfs merge=lfs -text\n"


def _pattern(path: str) -> str:
    ending = posixpath.splitext(path)[1]
    wanted = f"*{ending}" if ending else posixpath.basename(path)
    plain = all(letter.isalnum() or letter in "*._-" for letter in wanted)
    return wanted if plain else "*"
