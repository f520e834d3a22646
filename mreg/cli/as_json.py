"""Results as JSON documents."""

from __future__ import annotations

import json
import sys
from typing import Any

from mreg.cli.control import DRIVING
from mreg.cli.output import time_text


def print_json(value: Any) -> None:
    """Print the document: indented on a terminal, else as one line."""
    indent = 2 if sys.stdout.isatty() else None
    value = plain(value)
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a path that is not Unicode, or an output that is not: every reader undoes escapes
        text = json.dumps(value, indent=indent)
    print(DRIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # JSON itself escapes only those below U+0020


def plain(value: Any) -> Any:
    """The value as JSON types: an entity becomes an object of its fields, its name first."""
    if hasattr(value, "_asdict"):
        fields = {name: plain(field) for name, field in value._asdict().items()}
        return fields if "name" in fields or not hasattr(value, "name") else {"name": value.name, **fields}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(value)
    return time_text(value) if hasattr(value, "isoformat") else value
