"""The keys of refs: the one place where they are made and taken apart.

    artifacts/<name>/artifact.toml    ArtifactKey      type, description
    artifacts/<name>/vN               VersionKey       a version
    artifacts/<name>/vN.toml          AnnotationKey    what was said of the version after it was logged
    registered/<name>/model.toml      ModelKey         description, tags
    registered/<name>/card.md         CardKey          the model card
    registered/<name>/links#vN        LinkKey          a link; one line of the file `links`
    aliases/<name>/<alias>            AliasKey         an alias
    runs/<run>#<digest>               RunKey           a version that the run used; one line of the file
    config.toml                       ConfigKey        format, id, settings

and parts of the first, the second, the fourth and the sixth of these (their owners); each one line of a file:

    artifacts/<name>/properties#<key>         registered/<name>/properties#<key>
    artifacts/<name>/vN.properties#<key>      registered/<name>/vN.properties#<key>       PropertyKey
    artifacts/<name>/attachments#<name>       registered/<name>/attachments#<name>
    artifacts/<name>/vN.attachments#<name>    registered/<name>/vN.attachments#<name>     AttachmentKey

A key is its own spelling: a string with its parts as attributes. So `str()` of it is what the journal says, and keys
are equal if they are spelt alike. What each kind of ref may say, and what it needs, is in `mreg.refs.rules`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from mreg import values
from mreg.storage.keys import is_key
from mreg.values.digest import is_digest
from mreg.values.names import InvalidName, check_alias, is_beyond_ascii, is_name, parse_version

if TYPE_CHECKING:
    from typing import Self

FOLDERS: Final = ("artifacts", "registered", "aliases", "runs")
"""The folders of ref files; `config.toml` is beside them."""

_MAX_LINE: Final = 12 * 250
_LINE: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:%#"
_DEPTH: Final = {"artifacts": 2, "registered": 2, "aliases": 2, "runs": 1, "config.toml": 0}
"""How many levels below each of these the ref files are."""


class RefKey(str):
    """The key of a ref. `file` is the storage key of the file that holds it; `line` the name of its line there, empty
    where it has the file to itself."""

    __slots__ = ()

    lines: ClassVar[bool] = False
    """Whether many refs of this kind share a file."""

    @property
    def file(self) -> str:
        return self.partition("#")[0]

    @property
    def line(self) -> str:
        return self.partition("#")[2]


class CollectionKind(enum.Enum):
    """What a name can stand for in a reference."""

    ARTIFACT = "artifact"
    MODEL = "model"

    @property
    def noun(self) -> str:
        return "artifact" if self is CollectionKind.ARTIFACT else "registered model"

    @property
    def phrase(self) -> str:
        """The noun with its article."""
        return f"an {self.noun}" if self is CollectionKind.ARTIFACT else f"a {self.noun}"

    @property
    def other(self) -> CollectionKind:
        return CollectionKind.MODEL if self is CollectionKind.ARTIFACT else CollectionKind.ARTIFACT

    def key(self, name: str) -> CollectionKey:
        """The ref that makes a collection of this kind exist."""
        return ArtifactKey(name) if self is CollectionKind.ARTIFACT else ModelKey(name)


class ConfigKey(RefKey):
    """The repository's format, id and settings."""

    __slots__ = ()
    __match_args__ = ()

    def __new__(cls) -> ConfigKey:
        return super().__new__(cls, "config.toml")


class CollectionKey(RefKey):
    """The ref that makes a collection exist: of an artifact or a registered model."""

    __slots__ = ("name",)
    __match_args__ = ("name",)

    name: str
    kind: ClassVar[CollectionKind]


class ArtifactKey(CollectionKey):
    __slots__ = ()

    kind = CollectionKind.ARTIFACT

    def __new__(cls, name: str) -> ArtifactKey:
        self = super().__new__(cls, f"artifacts/{name}/artifact.toml")
        self.name = name
        return self


class ModelKey(CollectionKey):
    __slots__ = ()

    kind = CollectionKind.MODEL

    def __new__(cls, name: str) -> ModelKey:
        self = super().__new__(cls, f"registered/{name}/model.toml")
        self.name = name
        return self


class VersionKey(RefKey):
    __slots__ = ("artifact", "number")
    __match_args__ = ("artifact", "number")

    artifact: str
    number: int

    def __new__(cls, artifact: str, number: int) -> VersionKey:
        self = super().__new__(cls, f"artifacts/{artifact}/v{number}")
        self.artifact, self.number = artifact, number
        return self

    @property
    def version(self) -> str:
        """`artifact:vN`"""
        return f"{self.artifact}:v{self.number}"


class AnnotationKey(RefKey):
    __slots__ = ("artifact", "number")
    __match_args__ = ("artifact", "number")

    artifact: str
    number: int

    def __new__(cls, artifact: str, number: int) -> AnnotationKey:
        self = super().__new__(cls, f"artifacts/{artifact}/v{number}.toml")
        self.artifact, self.number = artifact, number
        return self


class CardKey(RefKey):
    __slots__ = ("model",)
    __match_args__ = ("model",)

    model: str

    def __new__(cls, model: str) -> CardKey:
        self = super().__new__(cls, f"registered/{model}/card.md")
        self.model = model
        return self


class LinkKey(RefKey):
    __slots__ = ("model", "number")
    __match_args__ = ("model", "number")

    model: str
    number: int
    lines = True

    def __new__(cls, model: str, number: int) -> LinkKey:
        self = super().__new__(cls, f"{in_links(model)}v{number}")
        self.model, self.number = model, number
        return self

    @property
    def link(self) -> str:
        """`model:vN`"""
        return f"{self.model}:v{self.number}"


class AliasKey(RefKey):
    __slots__ = ("alias", "collection")
    __match_args__ = ("collection", "alias")

    collection: str
    alias: str

    def __new__(cls, collection: str, alias: str) -> AliasKey:
        self = super().__new__(cls, f"aliases/{collection}/{alias}")
        self.collection, self.alias = collection, alias
        return self


class RunKey(RefKey):
    """That a run used a version, which is known by the digest of its record."""

    __slots__ = ("digest", "run")
    __match_args__ = ("run", "digest")

    run: str
    digest: str
    lines = True

    def __new__(cls, run: str, digest: str) -> RunKey:
        self = super().__new__(cls, f"runs/{run}#{digest}")
        self.run, self.digest = run, digest
        return self


Owner = CollectionKey | VersionKey | LinkKey
"""What can have properties and attachments."""


def numbered(collection: CollectionKey, number: int) -> VersionKey | LinkKey:
    """What bears the number in the collection."""
    kind = VersionKey if collection.kind is CollectionKind.ARTIFACT else LinkKey
    return kind(collection.name, number)


class PartKey(RefKey):
    """One line of a table of its owner, renamed and deleted along with that. name: as people write it."""

    __slots__ = ("name", "owner")
    __match_args__ = ("owner", "name")

    owner: Owner
    name: str
    table: ClassVar[str]
    lines = True

    def __new__(cls, owner: Owner, name: str) -> Self:
        self = super().__new__(cls, in_table(owner, cls) + cls.spelt(name))
        self.owner, self.name = owner, name
        return self

    @staticmethod
    def spelt(name: str) -> str:
        """The name as it stands in the repository."""
        return name

    @staticmethod
    def understood(line: str) -> str | None:
        """The name that is spelt so, None where none is."""
        return line if is_name(line) else None

    def of(self, owner: Owner) -> Self:
        """The same of another owner."""
        return type(self)(owner, self.name)


class PropertyKey(PartKey):
    """One property of its owner."""

    __slots__ = ()
    table = "properties"

    @staticmethod
    def spelt(name: str) -> str:
        return values.properties.escape(name)

    @staticmethod
    def understood(line: str) -> str | None:
        return values.properties.unescape(line)


class AttachmentKey(PartKey):
    """A file, or a folder of files, attached to its owner."""

    __slots__ = ()
    table = "attachments"


PARTS: Final[tuple[type[PartKey], ...]] = (PropertyKey, AttachmentKey)
_TABLES: Final = {kind.table: kind for kind in PARTS}


class UnknownKey(RefKey):
    """Not the key of any kind of ref. `fault` says what is wrong with it."""

    __slots__ = ("fault",)
    __match_args__ = ("fault",)

    fault: str

    def __new__(cls, text: str, fault: str) -> UnknownKey:
        self = super().__new__(cls, text)
        self.fault = fault
        return self


CONFIG: Final = ConfigKey()


def parse(text: str) -> RefKey:
    """The key spelt `text`; an UnknownKey if there is no such kind of ref, or if a name in it is not allowed."""
    if isinstance(text, RefKey):
        return text
    match text.split("/"):
        case ["artifacts", name, file] if is_name(name):
            found = _in_artifact(name, file)
        case ["registered", name, file] if is_name(name):
            found = _in_model(name, file)
        case ["aliases", name, alias] if is_name(name):
            found = AliasKey(name, alias) if _is_alias(alias) else UnknownKey(text, f"{alias!r} is not an alias")
        case ["runs", line]:
            run, _, digest = line.partition("#")
            found = RunKey(run, digest) if is_name(run) and is_digest(digest) else None
        case ["config.toml"]:
            found = CONFIG
        case _:
            found = None
    return found if found is not None else UnknownKey(text, "there is no such kind of ref")


def _in_artifact(name: str, file: str) -> RefKey | None:
    if file == "artifact.toml":
        return ArtifactKey(name)
    if "#" in file:
        return _part(file, ArtifactKey(name), lambda number: VersionKey(name, number))
    number = parse_version(file.removesuffix(".toml"))
    if number is None:
        return None
    return AnnotationKey(name, number) if file.endswith(".toml") else VersionKey(name, number)


def _in_model(name: str, file: str) -> RefKey | None:
    if file == "model.toml":
        return ModelKey(name)
    if file == "card.md":
        return CardKey(name)
    if file.startswith("links#"):
        number = parse_version(file.removeprefix("links#"))
        return None if number is None else LinkKey(name, number)
    return _part(file, ModelKey(name), lambda number: LinkKey(name, number))


def _part(file: str, collection: CollectionKey, numbered: Callable[[int], Owner]) -> RefKey | None:
    table, _, line = file.partition("#")
    of, dot, word = table.rpartition(".")
    kind, number = _TABLES.get(word), parse_version(of)
    name = kind.understood(line) if kind else None
    if kind is None or name is None or (dot and number is None):
        return None
    return kind(collection if number is None else numbered(number), name)


def _is_alias(text: str) -> bool:
    try:
        check_alias(text)
    except InvalidName:
        return False
    return True


def is_ref(text: str) -> bool:
    """Whether a journal entry may change `text`: only keys in the folders of refs, nothing else in the repository.
    `parse` tells which kind of ref it is, if any."""
    file, _, line = text.partition("#")
    folder, *names = file.split("/")
    return is_key(file) and len(names) == _DEPTH.get(folder) and len(line) <= _MAX_LINE and _is_line(line)


def _is_line(text: str) -> bool:
    return not text.strip(_LINE) or all(c in _LINE or (not c.isascii() and is_beyond_ascii(c)) for c in text)


# Prefixes, for callers that look through a folder or a file of refs.

ALL_MODELS: Final = "registered/"
ALL_ALIASES: Final = "aliases/"
ALL_RUNS: Final = "runs/"
KIND_FOLDER: Final = {CollectionKind.ARTIFACT: "artifacts/", CollectionKind.MODEL: ALL_MODELS}
KIND_ENDING: Final = {kind: kind.key("").rpartition("/")[2] for kind in CollectionKind}
"""How the key of a collection ends, by kind."""


def in_collection(kind: CollectionKind, name: str) -> tuple[str, str]:
    """The prefixes of all refs of a collection: its own, and its aliases."""
    return f"{KIND_FOLDER[kind]}{name}/", in_aliases(name)


def folder_of(key: str) -> str:
    """The folder of the collection to which a ref, or all refs with a prefix, belong; "" where that is none."""
    folder, _, rest = key.partition("/")
    name, slash, _ = rest.partition("/")
    return f"{folder}/{name}" if slash else ""


def is_of_number(key: str) -> bool:
    """Whether the ref, of a collection, says something of a version or a link in it: each such file begins so."""
    return key.rpartition("/")[2].startswith(("v", "links#"))


def in_artifact(artifact: str) -> str:
    """The prefix of an artifact's own refs."""
    return f"artifacts/{artifact}/"


def in_links(model: str) -> str:
    """The prefix of a registered model's links."""
    return f"registered/{model}/links#"


def in_table(owner: Owner, kind: type[PartKey]) -> str:
    """The prefix of the owner's parts of this kind."""
    match owner:
        case CollectionKey(name):
            return f"{KIND_FOLDER[owner.kind]}{name}/{kind.table}#"
        case VersionKey():
            return f"{owner}.{kind.table}#"
        case LinkKey(model, number):
            return f"{ALL_MODELS}{model}/v{number}.{kind.table}#"


def in_aliases(collection: str) -> str:
    """The prefix of a collection's aliases."""
    return f"aliases/{collection}/"


def holds_lines(file: str) -> bool:
    """Whether `file` holds many refs, one per line."""
    if file.startswith("runs/"):
        return True
    if file.startswith(ALL_MODELS) and file.endswith("/links"):
        return True
    return file.startswith((ALL_MODELS, "artifacts/")) and file.rpartition("/")[2].rpartition(".")[2] in _TABLES
