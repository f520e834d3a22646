"""`mreg fsck --repair` and `mreg get --partial` as people and scripts meet them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.values import canonical
from mreg.values.digest import digest


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.fixture
def copied(filled: Any) -> Any:
    """With a copy of the repository in `copy`."""
    shutil.copytree(filled.home / ".mreg", filled.home / "copy" / ".mreg")
    return filled


def first_pack(mreg: Any) -> Path:
    """The pack of `digits:v0`: its first chunk begins at byte 32."""
    (entry,) = [one for one in mreg("--json", "history").json["entries"] if one["seq"] == 1]
    assert entry["command"].startswith("log")
    packs = sorted((mreg.home / ".mreg" / "packs").rglob("*.pack"), key=lambda path: path.stat().st_mtime_ns)
    return packs[0]


def test_without_damage_repair_changes_nothing(copied: Any, unchanged: Any) -> None:
    with unchanged():
        result = copied("fsck", "--full", "--repair", "--from", "copy")
        document = copied("--json", "fsck", "--repair").json

    assert (result.code, result.out) == (0, "")
    assert result.errors.startswith("no damage left; looked at ")
    assert (document["findings"], document["repaired"]) == ([], [])


def test_refs_are_mended_from_the_journal(copied: Any) -> None:
    alias = copied.home / ".mreg" / "aliases" / "digits" / "best"
    rewrite(alias, lambda data: b"v1\n")
    (copied.home / ".mreg" / "artifacts" / "digits" / "v1").unlink()

    found = copied("fsck")
    assert found.code == 5
    assert "`mreg fsck --repair` restores data from the journal" in found.errors
    mended = copied("fsck", "--repair")

    assert (mended.code, mended.out) == (0, "")
    told = mended.errors.splitlines()
    assert told[0].startswith(
        "repaired aliases/digits/best: recreated from the journal; the old one is kept as lost-found/"
    )
    assert told[1] == "repaired artifacts/digits/v1: recreated from the journal"
    assert told[2].startswith("no damage left")
    assert copied("resolve", "digits:best").out == "digits:v0\n"
    assert len(list((copied.home / ".mreg" / "lost-found").rglob("best"))) == 1


def test_records_and_packs_that_an_entry_drops_by_mistake_are_mended_here(copied: Any) -> None:
    root = copied.home / ".mreg"
    seq = len(list((root / "journal" / "000000").iterdir()))
    last = (root / "journal" / "000000" / f"{seq:09}.json").read_bytes()
    drops = [str(path.relative_to(root)) for folder in ("objects", "packs") for path in (root / folder).rglob("*.*")]
    drops += [str(path.relative_to(root)) for path in (root / "objects").glob("*/*")]
    entry = json.loads(last) | {"seq": seq + 1, "prev": digest(last), "id": "f" * 32}
    forged = canonical.dumps(entry | {"changes": [], "packs": [], "drops": sorted(set(drops))}) + b"\n"
    (root / "journal" / "000000" / f"{seq + 1:09}.json").write_bytes(forged)

    refused = copied("gc", "--grace", "0")
    assert refused.code == 5 and f"entry {seq + 1} dropped it, but it is needed" in refused.errors
    found = copied("fsck")
    assert found.code == 5 and "`mreg fsck --repair` looks for missing data" in found.errors
    mended = copied("fsck", "--repair")

    assert (mended.code, mended.out) == (0, "")
    assert "rewritten into pack" in mended.errors and "put back from a key that was dropped" in mended.errors
    assert copied("gc", "--grace", "0").code == 0
    assert copied("fsck", "--full").code == 0
    assert not any((root / key).exists() for key in drops)


def test_a_lost_config_is_mended_from_the_journal(copied: Any) -> None:
    copied.must("config", "set", "gc.grace", "3d")
    config = copied.home / ".mreg" / "config.toml"
    whole = config.read_bytes()
    for damage in (None, b"", b"format = 1\n", flip(20)(whole), flip(3)(whole), whole + b"x"):
        config.unlink()
        if damage is not None:
            config.write_bytes(damage)
        refused = copied("config", "get", "gc.grace")
        assert refused.code == 5
        assert "fsck" in refused.errors
        document = copied("--json", "fsck", "--repair")

        assert (document.code, document.errors) == (0, "")
        assert [(one["code"], one["what"]) for one in document.json["repaired"]] == [("config", "config.toml")]
        assert config.read_bytes() == whole
    assert copied.must("config", "get", "gc.grace") == "3d\n"


@pytest.mark.parametrize("source", ["copy", "other"])
def test_a_damaged_chunk_is_brought_from_another_repository(copied: Any, source: str) -> None:
    copied.must("init", "other")
    copied.must("--repo", "other", "log", "one", "-a", "theirs")
    pack = first_pack(copied)
    rewrite(pack, flip(40))
    assert copied("get", "digits:v0", "-o", "out").code == 5

    left = copied("fsck", "--full", "--repair")
    assert left.code == 5
    assert left.out.startswith("chunk\t")
    assert "damage left; looked at" in left.errors
    assert "`mreg fsck --full --repair --from LOCATION`" in left.errors
    mended = copied("fsck", "--full", "--repair", "--from", source)

    assert (mended.code, mended.out) == (0, "")
    assert "repaired packs/" in mended.errors
    assert copied("get", "digits:v0", "-o", "out").code == 0
    assert (copied.home / "out" / "weights.bin").read_bytes() == b"one" * 100
    assert [one["command"] for one in copied("--json", "history").json["entries"]][-1:] == (
        ["fsck --repair"] if source == "other" else ["alias set prod Classifier:v0"]
    )
    assert copied("fsck", "--full").code == 0


def test_entries_of_the_journal_come_back_only_from_a_copy(copied: Any) -> None:
    copied.must("init", "other")
    copied.must("--repo", "other", "log", "one", "-a", "digits")
    (copied.home / ".mreg" / "journal" / "000000" / "000000002.json").unlink()

    assert copied("fsck", "--repair", "--from", "other").code == 5
    document = copied("fsck", "--repair", "--from", "copy", "--json")

    assert document.code == 0
    (one,) = document.json["repaired"]
    assert one == {
        "code": "journal-gap",
        "what": "journal/000000/000000002.json",
        "done": f"put back from {copied.home}/copy/.mreg",
    }


def test_a_source_that_is_none_is_refused(copied: Any, unchanged: Any) -> None:
    with unchanged():
        result = copied("fsck", "--repair", "--from", "nowhere")

    assert (result.code, result.out) == (3, "")
    assert "no repository at" in result.errors


def test_a_damaged_version_is_refused_and_what_is_whole_can_be_had(copied: Any) -> None:
    rewrite(first_pack(copied), flip(40))

    refused = copied("get", "digits:v0", "-o", "out")
    assert (refused.code, refused.out) == (5, "")
    assert "`mreg fsck --full`" in refused.errors and "`mreg get digits:v0 --partial`" in refused.errors
    assert not (copied.home / "out").exists()
    partial = copied("get", "digits:v0", "-o", "out", "--partial")
    quiet = copied("-q", "get", "digits:v0", "-o", "again", "--partial")
    document = copied("--json", "get", "digits:v0", "-o", "out", "--partial")

    assert (partial.code, partial.out) == (5, f"{copied.home}/out\n")
    note, named = partial.errors.splitlines()
    assert note == "digits:v0: 1 file written"
    assert named.startswith("damaged, not written: ")
    assert (quiet.code, quiet.errors) == (5, f"{named}\n")
    (path,) = document.json["damaged"]
    assert (document.code, document.errors, named) == (5, "", f"damaged, not written: {path}")
    assert [one.name for one in (copied.home / "out").rglob("*") if one.is_file()] == [
        {"weights.bin": "arch.json", "config/arch.json": "weights.bin"}[path]
    ]
    assert copied("get", "digits:v1", "--partial").code == 0
