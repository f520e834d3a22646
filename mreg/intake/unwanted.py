"""Files that are seldom meant to be logged, known by their names: secrets, and what programs leave about.

They are logged all the same, as names prove nothing, and named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from mreg.values.entities import Noticed

_SECRETS: Final = """
.env .netrc .pgpass .pypirc .npmrc .git-credentials .htpasswd .dockercfg .aws/ .ssh/ .gnupg/ .kube/ .docker/
id_rsa id_dsa id_ecdsa id_ed25519 credentials credentials.json client_secret.json service-account.json kaggle.json
"""
_SECRET_ENDINGS: Final = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk")
_SECRET_START: Final = ".env."
_HARMLESS: Final = (".example", ".sample", ".template", ".dist")

_CLUTTER: Final = """
.ds_store thumbs.db desktop.ini __macosx/ .trash/ __pycache__/ .ipynb_checkpoints/ .pytest_cache/ .mypy_cache/
.ruff_cache/ .cache/ .idea/ .vscode/ .venv/ venv/ node_modules/ .svn/ .hg/
"""
_CLUTTER_ENDINGS: Final = (".pyc", ".pyo", ".swp", ".swo", "~", ".tmp", ".part", ".incomplete", ".crdownload")

_NAMES: Final = dict.fromkeys(_SECRETS.split(), "secret") | dict.fromkeys(_CLUTTER.split(), "clutter")
"""Names of files and, with a slash, of folders, in small letters."""


def unwanted(paths: Iterable[str], wanted: Collection[str] = ()) -> tuple[Noticed, ...]:
    """Those of the files that may be secrets or clutter, by the pattern that leaves them out; secrets first. wanted:
    paths that somebody named by themselves."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        kind = None if path in wanted else _kind(path)
        if kind is not None:
            found.setdefault(kind, []).append(path)
    kinds = sorted(found, key=lambda kind: kind[0] != "secret")
    return tuple(Noticed(*kind, len(found[kind]), found[kind][0]) for kind in kinds)


def reserved(paths: Iterable[str]) -> tuple[Noticed, ...]:
    """What was left out for its name, by that."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(path.rpartition("/")[2], []).append(path)
    return tuple(Noticed("reserved", name, len(some), some[0]) for name, some in sorted(found.items()))


def _kind(path: str) -> tuple[str, str] | None:
    """Of what kind it is, whatever the case of its letters, and the pattern that matches."""
    *folders, name = path.split("/")
    for part in (*(f"{folder}/" for folder in folders), name):
        if part.lower() in _NAMES:
            return _NAMES[part.lower()], part
    low = name.lower()
    if low.endswith(_HARMLESS):
        return None
    if low.startswith(_SECRET_START):
        return "secret", f"{name[: len(_SECRET_START)]}*"
    for kind, endings in (("secret", _SECRET_ENDINGS), ("clutter", _CLUTTER_ENDINGS)):
        for ending in endings:
            if low.endswith(ending):
                return kind, f"*{name[-len(ending) :]}"
    return None
