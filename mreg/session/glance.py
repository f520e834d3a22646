"""What a repository seems to hold, told by listing its folders: for shell completion, which must answer before a person
notices.

Nothing is opened, locked, verified or written, and nothing may rest on the answers: what is damaged or not applied yet
is shown wrongly or not at all. Ref files and records are described in docs/format.md. The repository may be anybody's,
so only regular files are read, and no more of each than a sound one has.
"""

from __future__ import annotations

import os
from itertools import islice

from mreg import lazy
from mreg.session import nearest

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

REF, RECORD = 1 << 16, 1 << 20
"""How many bytes of a ref file, and of a record, are read."""

FEW = 50
"""Collections, or versions of one, of which more is read than the name."""

_MARKERS = {"artifacts": "artifact.toml", "registered": "model.toml"}
"""The file that makes a collection exist, in each folder of collections."""


class Glance:
    """A look at the repository `location`; without it `$MREG_REPO`, or the nearest one upwards."""

    def __init__(self, location: str | None = None) -> None:
        given = location or os.environ.get("MREG_REPO") or nearest.nearest(os.getcwd())
        self._root = nearest.locate(given) if given and not nearest.is_url(given) else None

    def artifacts(self, start: str = "") -> Iterator[str]:
        """The artifacts whose names start so, sorted."""
        return self._collections("artifacts", start)

    def models(self, start: str = "") -> Iterator[str]:
        """The registered models whose names start so, sorted."""
        return self._collections("registered", start)

    def runs(self, start: str = "") -> list[str]:
        """The runs that used a version and whose ids start so."""
        return self._names("runs", start)

    def aliases(self, collection: str, start: str = "") -> Iterator[tuple[str, str]]:
        """The aliases of a collection that start so, with the `vN` that each points at."""
        for alias in self._names(f"aliases/{collection}", start):
            value = self._ref(f"aliases/{collection}/{alias}")
            if value is not None:
                yield alias, value.partition("\n")[0]

    def all_aliases(self, start: str = "") -> list[str]:
        """The aliases that a few collections have."""
        few = self._names("aliases")[:FEW]
        return sorted({alias for collection in few for alias, _ in self.aliases(collection, start)})

    def numbers(self, collection: str) -> Iterator[int]:
        """The numbers of a collection, newest first."""
        return (number for number, _, _ in self._versions(collection))

    def tags(self, model: str | None = None) -> list[str]:
        """The tags of a model or of a version (`artifact:vN`), or those of a few models."""
        if model and ":" in model:
            return sorted(self._table(f"artifacts/{model.replace(':', '/')}.toml").get("tags", ()))
        models = [model] if model else islice(self.models(), FEW)
        return sorted({tag for one in models for tag in self._table(f"registered/{one}/model.toml").get("tags", ())})

    def remotes(self) -> list[tuple[str, str]]:
        """The names of other repositories that this one and the user keep, with their locations."""
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        own = _parsed(_start_of(os.path.join(home, "mreg", "config.toml"), REF))
        found = [table.get("remote") for table in (own, self._table("config.toml"))]
        return sorted(
            {name: str(place) for one in found if isinstance(one, dict) for name, place in one.items()}.items()
        )

    def keys(self, collection: str | None = None) -> list[str]:
        """The metadata keys of a collection's newest versions, or of the newest of a few artifacts."""
        if collection is not None:
            versions = list(islice(self._versions(collection), FEW))
        else:
            versions = [one for name in islice(self.artifacts(), FEW) for one in islice(self._versions(name), 1)]
        found = {key for _, digest, version in versions for key in _flat(self._metadata(digest, version))}
        return sorted(found)

    def files(self, collection: str, selector: str) -> list[str]:
        """The paths of the files of a version."""
        number = dict(self.aliases(collection)).get(selector, selector)
        for found, digest, _ in self._versions(collection):
            if selector in ("", "latest") or number == f"v{found}":
                manifest = self._record(self._record(digest)["manifest"])
                return [file["path"] for file in manifest["files"] if isinstance(file["path"], str)]
        return []

    def _versions(self, collection: str) -> Iterator[tuple[int, str, str]]:
        """The numbers of a collection, newest first; the digest and the name of the version that each is."""
        found = {text: (digest, version) for text, version, digest in self._links(collection)}
        found |= {text: ("", f"{collection}:{text}") for text in self._names(f"artifacts/{collection}", "v")}
        numbers = sorted((int(text[1:]) for text in found if _is_number(text)), reverse=True)
        for number in numbers:
            digest, version = found[f"v{number}"]
            digest = digest or self._ref(f"artifacts/{collection}/v{number}") or ""
            if digest:
                yield number, digest.partition("\n")[0], version

    def _links(self, model: str) -> list[tuple[str, str, str]]:
        """The links of a model: `vN`, version and digest. The last line of the file is its trailer."""
        lines = [line.split(" ") for line in self._text(f"registered/{model}/links", RECORD).split("\n")[:-2]]
        return [(words[0], words[1], words[2]) for words in lines if len(words) > 2 and "deleted" not in words]

    def _metadata(self, digest: str, version: str) -> object:
        """What was said of a version later takes the place of what its record says."""
        name, _, number = version.partition(":")
        said = self._table(f"artifacts/{name}/{number}.toml")
        return said["metadata"] if "metadata" in said else self._record(digest).get("metadata")

    def _collections(self, folder: str, start: str) -> Iterator[str]:
        for name in self._names(folder, start):
            if self._ref(f"{folder}/{name}/{_MARKERS[folder]}") is not None:
                yield name

    def _names(self, folder: str, start: str = "") -> list[str]:
        try:
            names = os.listdir(os.path.join(self._root or os.devnull, folder))
        except OSError:
            return []
        return sorted(name for name in _composed(names) if name.startswith(start) and name[0] != ".")

    def _table(self, key: str) -> dict[str, Any]:
        return _parsed(self._ref(key) or "")

    def _record(self, digest: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = lazy.json.loads(self._text(f"objects/{digest[:2]}/{digest[2:]}", RECORD))
        except (ValueError, RecursionError):
            return {}
        return found

    def _ref(self, key: str) -> str | None:
        """The text of a ref file, or None where the ref does not exist: a deleted one leaves a tombstone."""
        text = self._text(key, REF)
        last = text.rstrip("\n").rpartition("\n")[2]
        return text if last.startswith("# mreg seq=") else None

    def _text(self, key: str, length: int) -> str:
        return _start_of(os.path.join(self._root, key), length) if self._root is not None else ""


def _start_of(path: str, length: int) -> str:
    """The start of a file; nothing of one that is not there. Opening a pipe does not wait, and reads nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, length).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _parsed(text: str) -> dict[str, Any]:
    try:
        return lazy.tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _composed(names: Iterable[str]) -> Iterator[str]:
    """Names as they were given: some file systems tell them decomposed."""
    return (name if name.isascii() else lazy.unicodedata.normalize("NFC", name) for name in names)


def _is_number(text: str) -> bool:
    """Is `text` `vN`, in its one canonical form?"""
    digits = text[1:]
    return text[:1] == "v" and digits.isascii() and digits.isdigit() and len(digits) < 16 and str(int(digits)) == digits


def _flat(values: object, prefix: str = "") -> Iterator[str]:
    """The dotted keys of metadata."""
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key
