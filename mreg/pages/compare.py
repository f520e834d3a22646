"""Any two versions of an artifact side by side: data that the page's script compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mreg import lazy
from mreg.pages.facts import VersionFacts
from mreg.pages.markup import Content, Markup, element

LONGEST = 200
FILES = 200


def compare(artifact: str, versions: Sequence[VersionFacts]) -> Content:
    """Two lists to choose from, and the metadata and files of all versions. Shown by the script: without it, each
    version tells what changed since the one before."""
    if len(versions) < 2:
        return None
    flat = {f"v{one.version.number}": one.flat for one in versions[::-1]}
    keys = list(dict.fromkeys(key for values in flat.values() for key in values))
    data = {
        "keys": keys,
        "versions": {
            name: [_short(values[key]) if key in values else None for key in keys] for name, values in flat.items()
        },
        "files": {f"v{one.version.number}": _files(one) for one in versions},
    }
    text = lazy.json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    safe = Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
    sides = (("from ", "old"), ("to ", "new"))
    label = [element("label", [word, element("select", None, class_=side)]) for word, side in sides]
    return element(
        "div",
        [
            element("h3", "Compare two versions"),
            element("p", label),
            element("div", None, class_="result", aria_live="polite"),
            element("script", safe, type="application/json"),
        ],
        class_="compare",
        hidden=True,
        data_name=artifact,
    )


def _files(one: VersionFacts) -> dict[str, str]:
    return {file.path: file.digest[:16] for file in (one.files or ())[:FILES]}


def _short(value: Any) -> Any:
    """None stands for a key that is not there."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else lazy.json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
