"""Lists of one text, given as the text alone: what type checkers let pass must not be taken apart into letters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mreg.repository import Repository


def test_one_pattern_includes_or_leaves_out_files(repo: Repository, folder: Callable[..., str], tmp_path: Path) -> None:
    repo.log(folder({"a.bin": b"1", "b.txt": b"2"}), "net", exclude="*.txt")
    repo.log(folder({"a.bin": b"1", "b.txt": b"2"}), "net")

    repo.get("net:v1", tmp_path / "included", include="*.bin")
    repo.get("net:v1", tmp_path / "excluded", exclude="*.bin")

    assert [file.path for file in repo.files("net:v0")] == ["a.bin"]
    assert [path.name for path in (tmp_path / "included").iterdir()] == ["a.bin"]
    assert [path.name for path in (tmp_path / "excluded").iterdir()] == ["b.txt"]


def test_one_key_is_unset_and_one_input_added(repo: Repository, folder: Callable[..., str]) -> None:
    repo.log(folder({"a": b"1"}), "base")
    repo.log(folder({"a": b"2"}), "net", metadata={"lr": 1, "epochs": 2})

    repo.annotate("net:v0", unset="lr", inputs="base:v0")

    version = repo.version("net:v0")
    assert (version.metadata, len(version.inputs)) == ({"epochs": 2}, 1)


def test_one_tag_is_set_and_searched(repo: Repository, folder: Callable[..., str]) -> None:
    repo.create_model("digits", tags="vision")
    repo.log(folder({"a": b"1"}), "net", links="digits:production", aliases="best")

    models, _, _ = repo.search(tags="vision")

    assert [(model.name, model.tags) for model in models] == [("digits", ("vision",))]
    assert [version.name for version in repo.search(tags="vision", limit=5)] == ["net:v0"]
    assert {alias.alias for alias in repo.aliases()} == {"best", "production"}
