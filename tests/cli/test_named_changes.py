"""Nothing happens silently: every ref that a command moves or removes is named, with its old and its new value, for
people and with --json; and how to take it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.cli.registry import COMMANDS, Entry
from mreg.refs import keys, ref_files
from mreg.refs.journal import Journal
from mreg.refs.keys import AliasKey, AnnotationKey, CardKey, CollectionKey, ConfigKey, LinkKey, RefKey, VersionKey
from mreg.refs.view import View
from mreg.session.config import identify, read
from mreg.storage.local import LocalStorage
from mreg.values.ref_texts import parse_link

# For each command that changes refs: command lines that change them, each in a repository as `world` makes it.
CHANGES = {
    "log": [
        "log one -a digits --alias best --link zoo:production --link zoo:canary",
        "log two -a digits --alias best -m again --meta m.acc=0.1 --run r7 --input letters --link fresh:first",
        "log three -a digits --alias best --link Classifier:prod --expect best=v0 --expect prod=v0",
        "log one -a digits --always",
        "log one -a digits --once --alias late",
        "log three -a brand-new --alias best",
    ],
    "annotate": [
        "annotate digits:v0 -m other --meta m.acc=1 --meta new.key=x --input letters",
        "annotate digits:v0 --unset m.acc",
        "annotate digits:v1 --meta m=3 --replace",
    ],
    "rm": ["rm digits:v0 --force", "rm digits:v0 letters:v0 digits:v1 --force", "rm letters:v1"],
    "link": [
        "link digits:v1 Classifier --alias prod --alias second",
        "link digits:v0 zoo --alias production",
        "link digits:v1 fresh --alias prod",
        "link letters:v0 zoo --alias production --expect v0",
    ],
    "unlink": ["unlink Classifier:v0 --force", "unlink zoo:v1 --force", "unlink zoo:v0 --force"],
    "alias set": ["alias set best digits:v1", "alias set new zoo:v1", "alias set production zoo:v1 --expect v0"],
    "alias rollback": ["alias rollback stable zoo"],
    "alias rm": ["alias rm best digits", "alias rm prod Classifier --expect v0"],
    "tag add": ["tag add Classifier tiny small", "tag add digits:v0 reviewed"],
    "tag rm": ["tag rm Classifier vision"],
    "card": ["card Classifier --file other.md", "card zoo --file card.md", "card Classifier --file empty.md"],
    "artifact create": ["artifact create empty --description nothing"],
    "artifact describe": ["artifact describe digits handwritten"],
    "artifact rename": ["artifact rename digits numbers"],
    "artifact rm": ["artifact rm digits --force", "artifact rm letters --force"],
    "model create": ["model create fresh --tag x"],
    "model describe": ["model describe zoo animals"],
    "model rename": ["model rename Classifier Reader", "model rename zoo farm"],
    "model rm": ["model rm Classifier --force", "model rm zoo --force"],
    "undo": ["undo 1", "undo SEQ"],
    "gc": ["gc --keep-last 1"],
    "config set": ["config set gc.grace 2h"],
}

SILENT = {
    "init": "it makes the repository",
    "push": "the change is the other repository's: tests/sync",
    "pull": "a change of what comes along, told by it: tests/sync",
    "mirror": "no ref of this repository",
    "bundle create": "no ref",
    "clone": "it makes the repository",
    "import": "a change for each collection, told by it: tests/importers",
    "upgrade": "it raises the format, and prints that",
    "use": "a run is recorded as asked; nothing is moved or removed",
    "fsck": "it makes refs again as the journal has them",
    "remote add": "a setting: it prints the name and the location",
    "remote set": "a setting: it prints the name and the location",
    "remote rm": "a setting: it prints the name",
    "completion": "no ref",
    "cache prune": "no ref",
}
READS = {
    "get", "export", "resolve", "ls", "show", "files", "cat", "diff", "lineage", "alias ls", "tag ls", "artifact ls",
    "artifact show", "model ls", "model show", "search", "metrics", "html", "history", "du", "config get", "config ls",
    "remote ls",
    "cache ls", "help", "version",
}  # fmt: skip


@pytest.fixture
def world(filled: Any, model: Callable[..., str]) -> Any:
    """Two artifacts, and two models with aliases, one of which is to be given up by `undo SEQ`."""
    model("three", {"weights.bin": b"three" * 100})
    (filled.home / "other.md").write_text("# Reader\n\nReads digits.\nAnd more.\n")
    (filled.home / "empty.md").write_text("")
    filled.must("log", "three", "-a", "letters", "-m", "third")
    filled.must("log", "one", "-a", "letters")
    filled.must("link", "digits:v1", "zoo", "--alias", "production", "--alias", "stable")
    filled.must("link", "letters:v0", "zoo")
    filled.must("alias", "set", "stable", "zoo:v1")
    filled.must("log", "two", "-a", "letters")
    filled.must("annotate", "digits:v1", "--meta", "note=x")
    return filled


def refs_of(home: Path) -> dict[RefKey, str]:
    """All refs that exist, as the journal leaves them."""
    storage = LocalStorage(str(home / ".mreg"))
    journal = Journal(storage, identify(read(storage) or b"").id)
    view = View(storage, journal)
    after = ref_files.after(journal.upto(view.head))
    return {key: ref.value for key, ref in after.items() if ref.value is not None}


def moved(before: dict[RefKey, str], after: dict[RefKey, str]) -> dict[RefKey, tuple[str | None, str | None]]:
    both = {key: (before.get(key), after.get(key)) for key in before | after}
    return {key: (old, new) for key, (old, new) in both.items() if old != new}


def spread(text: str) -> str:
    """With `v0-v2` written out."""
    return re.sub(
        r"v(\d+)-v(\d+)", lambda found: " ".join(f"v{n}" for n in range(int(found[1]), int(found[2]) + 1)), text
    )


def is_named(lines: list[str], key: RefKey, old: str | None, new: str | None, renamed: tuple[str, str] | None) -> bool:
    """Whether a line says it."""

    def says(*words: str | None) -> bool:
        wanted = [rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in words if word]
        return any(all(re.search(word, line) for word in wanted) for line in lines)

    if renamed and isinstance(key, (VersionKey, AnnotationKey, CollectionKey, CardKey)):
        return says(*renamed)
    match key:
        case AliasKey(collection, alias):
            return says(f"{collection}:{alias}", old, new)
        case LinkKey() if renamed and key.model in renamed:
            return says(*renamed, f"v{key.number}")
        case LinkKey():
            targets = [parse_link(value) for value in (old, new) if value]
            return says(key.link, *(target.version for target in targets if target))
        case VersionKey(artifact, number):
            return says(key.version) or says(artifact, f"v{number}")
        case AnnotationKey(artifact, number):
            return says(f"{artifact}:v{number}") or says(artifact, f"v{number}")
        case CollectionKey(name) | CardKey(name):
            return says(name) or any(f"{name}:v" in line for line in lines)
        case ConfigKey():
            return says("gc.grace", "2h")
    return says(new or old)  # what a run used


def test_every_command_is_asked_or_excused() -> None:
    def words(commands: dict[str, Entry], above: str = "") -> set[str]:
        return {
            word
            for name, entry in commands.items()
            for word in ([above + name] if entry.group is None else words(entry.group, f"{above}{name} "))
        }

    assert words(COMMANDS) == CHANGES.keys() | SILENT.keys() | READS


@pytest.mark.parametrize("line", [line for lines in CHANGES.values() for line in lines])
def test_what_a_command_moves_is_named(world: Any, line: str) -> None:
    # given
    before = refs_of(world.home)
    seq = str(world("--json", "history", "--limit", "1").json["entries"][0]["seq"])
    words = line.replace("SEQ", seq).split(" ")
    if line == "undo 1":
        world.must("artifact", "create", "unrelated")
        words[1] = str(int(seq) + 1)
        before = refs_of(world.home)

    # when
    done = world(*words)

    # then
    after = refs_of(world.home)
    changes = moved(before, after)
    assert done.code == 0, done
    assert changes
    told = spread(done.errors + done.out).splitlines()
    made = [key.name for key, (old, _) in changes.items() if isinstance(key, CollectionKey) and old is None]
    gone = [key.name for key, (_, new) in changes.items() if isinstance(key, CollectionKey) and new is None]
    renamed = (gone[0], made[0]) if made and gone else None
    unsaid = [key for key, (old, new) in changes.items() if not is_named(told, key, old, new, renamed)]
    assert not unsaid, done.errors
    if any(old is not None for old, _ in changes.values()) and not line.startswith(("gc", "config")):
        number = int(seq) + (2 if line == "undo 1" else 1)
        assert f"`mreg undo {number}`" in done.errors


@pytest.mark.parametrize(
    "line",  # a setting has no `changes`: the command prints its value
    [line for lines in CHANGES.values() for line in lines if line != "undo 1" and not line.startswith("config")],
)
def test_json_lists_what_a_command_moves(world: Any, line: str) -> None:
    # given
    before = refs_of(world.home)
    seq = world("--json", "history", "--limit", "1").json["entries"][0]["seq"]
    words = line.replace("SEQ", str(seq)).split(" ")

    # when
    done = world(*words, "--json")

    # then
    document = done.json
    listed = {keys.parse(one["ref"]): (one["old"], one["new"]) for one in document["changes"]}
    assert {key: pair for key, pair in listed.items() if pair[0] != pair[1]} == moved(before, refs_of(world.home))
    assert document["seq"] == seq + 1
    assert done.errors == ""


def test_repeating_changes_nothing_and_lists_nothing(world: Any, unchanged: Callable[[], Any]) -> None:
    with unchanged():
        for line in ("alias set best digits:v0", "link digits:v0 Classifier --alias prod", "tag add Classifier vision"):
            document = world(*line.split(" "), "--json").json
            assert (document["seq"], document["changes"]) == (None, []), line


def test_undo_of_what_was_told_restores_every_ref(world: Any) -> None:
    commands = ("rm", "artifact rm", "model rm", "link", "unlink", "model rename", "artifact rename", "alias rm")
    for line in (line for command in commands for line in CHANGES[command]):
        before = refs_of(world.home)
        told = world(*line.split(" ")).errors
        seq = re.search(r"`mreg undo (\d+)`", told)
        number = seq[1] if seq else str(world("--json", "history", "--limit", "1").json["entries"][0]["seq"])
        world.must("undo", number)
        assert refs_of(world.home) == before, line
