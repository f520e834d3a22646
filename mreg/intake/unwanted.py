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

_ENDINGS: Final = (*_SECRET_ENDINGS, *_CLUTTER_ENDINGS)

_NAMES: Final = dict.fromkeys(_SECRETS.split(), "secret") | dict.fromkeys(_CLUTTER.split(), "clutter")
"""Names of files and, with a slash, of folders, in small letters."""


def unwanted(paths: Iterable[str], wanted: Collection[str] = ()) -> tuple[Noticed, ...]:
    """Those of the files that may be secrets or clutter, by the pattern that leaves them out; secrets first. wanted:
    paths that somebody named by themselves."""
    found: dict[tuple[str, str], list[str]] = {}
    folders: dict[str, tuple[str, str] | None] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = _of_folder(folder)
        kind = folders[folder] or _of_name(name)
        if kind is not None and path not in wanted:
            found.setdefault(kind, []).append(path)
    kinds = sorted(found, key=lambda kind: kind[0] != "secret")
    return tuple(Noticed(*kind, len(found[kind]), found[kind][0]) for kind in kinds)


def reserved(paths: Iterable[str]) -> tuple[Noticed, ...]:
    """What was left out for its name, by that."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(path.rpartition("/")[2], []).append(path)
    return tuple(Noticed("reserved", name, len(some), some[0]) for name, some in sorted(found.items()))


def _of_folder(path: str) -> tuple[str, str] | None:
    """Of what kind is all that lies there, whatever the case of its letters, and the pattern that matches."""
    parts = (f"{part}/" for part in path.split("/"))
    return next(((_NAMES[part.lower()], part) for part in parts if part.lower() in _NAMES), None)


def _of_name(name: str) -> tuple[str, str] | None:
    """The same of a file by its own name."""
    low = name.lower()
    if low in _NAMES:
        return _NAMES[low], name
    if low.endswith(_HARMLESS):
        return None
    if low.startswith(_SECRET_START):
        return "secret", f"{name[: len(_SECRET_START)]}*"
    if not low.endswith(_ENDINGS):  # as nearly all, of which there may be a million
        return None
    kind, endings = ("secret", _SECRET_ENDINGS) if low.endswith(_SECRET_ENDINGS) else ("clutter", _CLUTTER_ENDINGS)
    ending = next(one for one in endings if low.endswith(one))
    return kind, f"*{name[-len(ending) :]}"
