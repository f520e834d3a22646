"""Why an import is refused."""

from __future__ import annotations

from collections.abc import Sequence

from mreg.values.errors import Failed, Incomplete, InvalidInput, NotFound, Refused


class UnknownSource(InvalidInput):
    code = "unknown-source"
    template = "nothing that mreg can import was found in {source!r}"

    source: str
    kinds: str


class SeveralKinds(InvalidInput):
    code = "several-kinds"
    template = "{source!r} could be read as {kinds}"

    source: str
    kinds: str


class UnknownKind(InvalidInput):
    code = "unknown-kind"
    template = "there is no importer for {kind!r}"

    kind: str
    kinds: str
    near: Sequence[str] = ()


class NothingToImport(NotFound):
    code = "nothing-to-import"
    template = "{source!r} contains {what}"

    source: str
    what: str


class MalformedSource(InvalidInput):
    """A manifest of the source that is not what its tool writes."""

    code = "malformed-source"
    template = "{path!r} cannot be imported: {reason}"

    path: str
    reason: str


class OutsideSource(Refused):
    code = "outside-source"
    template = "{path!r} was not read: it is outside {source!r}"

    path: str
    source: str
    folder: str


class WrongBytes(Refused):
    """A file that is not what the source says."""

    code = "wrong-bytes"
    template = "{path!r} of {version} does not match its source: {reason}"

    path: str
    version: str
    file: str
    reason: str


class PartialVersion(Refused):
    code = "partial-version"
    template = "{version} is incomplete: {missing}"

    version: str
    missing: str
    hint: str


class SeveralCollections(InvalidInput):
    code = "several-collections"
    template = "--artifact names one artifact, but {source!r} contains {names}"

    source: str
    names: str


class UnknownCollection(NotFound):
    code = "unknown-collection"
    template = "{source!r} has no {name!r}"

    source: str
    name: str
    hint: str


class NotImportedHere(Refused):
    """An artifact of that name has another history."""

    code = "not-imported-here"
    template = "{name!r} cannot be imported as {artifact!r}: the artifact exists and was not imported from there"

    name: str
    artifact: str


class NeedsYaml(Failed):
    code = "needs-yaml"
    template = "{path!r} cannot be read without the package PyYAML, which is not installed"

    path: str


class PartlyImported(Incomplete):
    """Each collection is a change of its own. The next import leaves out those that were imported."""

    code = "partly-imported"
    template = "only {done} of {count} collections were imported: {reason}"

    done: int
    count: int
    reason: str
