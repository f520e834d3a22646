"""What a repository and a model of it tell, in one form each, and where they differ."""

from __future__ import annotations

from typing import Any

from journal_model import Entry, Fact, Journalled
from registry_model import SETTINGS, Found, exact

from mreg import MregError, Repository
from mreg.values.entities import HistoryEntry

CONTENTS = [
    {"weights.bin": b"", "sub/config.json": b"{}", "vocab.txt": b"a b c " * 20},
    {"weights.bin": b"B" * 50, "sub/config.json": b"{}", "vocab.txt": b"a b c " * 20},
    {"weights.bin": b"C" * 200, "sub/config.json": b"{}", "head.bin": b"head" * 10},
    {"weights.bin": b"D" * 300, "sub/config.json": b"{}", "head.bin": b"head" * 10, "copy.bin": b"D" * 300},
    {"weights.bin": b"E" * 100, "epoch:3\n\\": b"odd"},
]
TAGS = ("vision", "small one")


def differences(repo: Repository, model: Journalled) -> list[Any]:
    """Each thing that the repository has otherwise than the model."""
    pairs: list[tuple[Any, Any]] = [
        _histories(repo, model),
        ([_artifact(one) for one in repo.artifacts()], artifacts_of(model)),
        ([_model(one) for one in repo.models()], models_of(model)),
        (
            [(one.name, one.alias, one.number) for one in repo.aliases()],
            sorted((*key, number) for key, number in model.aliases.items()),
        ),
        (repo.tags(), _tags_of(model)),
        (
            {name: str(value).lower() for name, value in repo.settings().items() if name in SETTINGS},
            {name: model.setting(name) for name in SETTINGS},
        ),
    ]
    for artifact, had in sorted(model.artifacts.items()):
        if had.there:
            seen = {one.number: one for one in repo.versions(artifact)} if repo.kind(artifact) == "artifact" else {}
            pairs.append(
                (
                    {number: version(repo, one) for number, one in seen.items()},
                    {number: version_of(model, artifact, number) for number in had.versions},
                )
            )
    for where, alias in model.aliases:
        pairs.append((_resolved(repo, f"{where}:{alias}"), model.resolve(f"{where}:{alias}")))
    return [(found, wanted) for found, wanted in pairs if found != wanted]


# Collections and versions.


def _artifact(one: Any) -> Any:
    return one.name, one.type, one.description, one.versions, one.latest, one.aliases


def artifacts_of(model: Journalled) -> list[Any]:
    return [
        (
            name,
            one.type,
            one.description,
            len(one.versions),
            f"v{max(one.versions)}" if one.versions else None,
            _aliases_of(model, name),
        )
        for name, one in sorted(model.artifacts.items())
        if one.there
    ]


def _model(one: Any) -> Any:
    links = [(link.number, link.version, link.aliases) for link in one.links]
    return one.name, one.description, one.tags, one.card, links, one.aliases


def models_of(model: Journalled) -> list[Any]:
    return [
        (
            name,
            one.description,
            tuple(sorted(one.tags)),
            one.card,
            [
                (
                    number,
                    f"{one.ever[number].artifact}:v{one.ever[number].number}",
                    tuple(alias for alias, at in _aliases_of(model, name).items() if at == f"v{number}"),
                )
                for number in sorted(one.links)
            ],
            _aliases_of(model, name),
        )
        for name, one in sorted(model.models.items())
        if one.there
    ]


def _aliases_of(model: Journalled, name: str) -> dict[str, str]:
    return {alias: f"v{number}" for (owner, alias), number in sorted(model.aliases.items()) if owner == name}


def _tags_of(model: Journalled) -> dict[str, tuple[str, ...]]:
    found = {tag: tuple(sorted(n for n, one in model.models.items() if one.there and tag in one.tags)) for tag in TAGS}
    return {tag: names for tag, names in sorted(found.items()) if names}


def version(repo: Repository, one: Any) -> Any:
    content = {file.path: b"".join(repo.read(one.name, file.path)) for file in repo.files(one.name)}
    given = (one.message, exact(one.metadata), [entry.reference for entry in one.inputs])
    return (one.name, CONTENTS.index(content), one.run, *given, one.aliases, one.links, one.type)


def version_of(model: Journalled, artifact: str, number: int) -> Any:
    one = model.artifacts[artifact].versions[number]
    aliases = sorted(alias for (name, alias), at in model.aliases.items() if (name, at) == (artifact, number))
    links = sorted(
        f"{name}:v{link}"
        for name, linked in model.models.items()
        for link in linked.links
        if (linked.ever[link].artifact, linked.ever[link].number) == (artifact, number)
    )
    given = (one.message, exact(one.metadata), [reference for reference, _ in one.inputs])
    name, type = f"{artifact}:v{number}", model.artifacts[artifact].type
    return (name, one.content, one.run, *given, tuple(aliases), tuple(links), type)


def _resolved(repo: Repository, reference: str) -> Any:
    try:
        found = repo.resolve(reference)
    except MregError as error:
        return error
    return Found(found.artifact, found.number, found.link)


# History. Of texts, such as that of artifact.toml, only whether they are there.


def _histories(repo: Repository, model: Journalled) -> tuple[Any, Any]:
    """What each entry moved. A digest of the repository is a token of the model, from the entry on that logged it."""
    tokens: dict[str, int] = {}
    refs: dict[str, str | None] = {}
    found = []
    for entry, wanted in zip(told := repo.history(), model.journal, strict=False):
        moved = _moved(entry, refs)
        for fact, (_, token) in wanted.changes.items():
            digest = moved.get(_ref(fact), (None, None))[1]
            if fact[0] == "version" and digest is not None:
                tokens.setdefault(digest, token)
        found.append(
            {_named(ref, tokens): tuple(_value(ref, one, tokens) for one in pair) for ref, pair in moved.items()}
        )
    found += [{entry.command: ()} for entry in told[len(found) :]]
    return found, [_changes_of(entry) for entry in model.journal]


def _moved(entry: HistoryEntry, refs: dict[str, str | None]) -> dict[str, tuple[str | None, str | None]]:
    """The entry's changes by ref, less those of refs that never were, and are deleted as a rename brings their numbers
    along. refs: what they were before, which this brings up to date."""
    moved = {one.ref: (one.old, one.new) for one in entry.changes if one.new is not None or one.ref in refs}
    refs |= {one.ref: one.new for one in entry.changes}
    return moved


def _named(ref: str, tokens: dict[str, int]) -> str:
    run, _, digest = ref.partition("#")
    return f"{run}#{tokens.get(digest)}" if ref.startswith("runs/") else ref


def _value(ref: str, text: str | None, tokens: dict[str, int]) -> Any:
    if text is None:
        return None
    if ref.endswith(".toml"):
        return True
    return tokens.get(text, text.partition(" ")[0] if "/links#" in ref else text)


def _changes_of(entry: Entry) -> dict[str, tuple[Any, Any]]:
    return {_ref(fact): tuple(_value_of(fact, one) for one in pair) for fact, pair in entry.changes.items()}


def _ref(fact: Fact) -> str:
    match fact:
        case ("artifact", name):
            return f"artifacts/{name}/artifact.toml"
        case ("version", name, number):
            return f"artifacts/{name}/v{number}"
        case ("said", name, number):
            return f"artifacts/{name}/v{number}.toml"
        case ("model", name):
            return f"registered/{name}/model.toml"
        case ("card", name):
            return f"registered/{name}/card.md"
        case ("link", name, number):
            return f"registered/{name}/links#v{number}"
        case ("alias", name, alias):
            return f"aliases/{name}/{alias}"
        case ("run", run, token):
            return f"runs/{run}#{token}"
    return "config.toml"


def _value_of(fact: Fact, value: Any) -> Any:
    if fact[0] == "settings":
        return True  # the file is always there
    if value is None or fact[0] in ("version", "card", "run"):
        return value
    if fact[0] == "link":
        return f"{value.artifact}:v{value.number}"
    return f"v{value}" if fact[0] == "alias" else True
