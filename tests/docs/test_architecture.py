"""docs/architecture.md describes the tree as it is: every room and suite, and no file or function that is not there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

WORDS = re.findall(r"`([^`\n]+)`", PAGE)
PATHS = [word for word in WORDS if re.fullmatch(r"[\w/*]+(/|\.py|\.md)", word) and word != "mreg/"]
NAMES = [word for word in WORDS if "::" in word and not word.startswith("file.py")]


def folders(of: str) -> set[str]:
    """The folders in a folder of the project, each with a slash behind it."""
    return {f"{path.name}/" for path in (ROOT / of).iterdir() if path.is_dir() and any(path.glob("*.py"))}


def in_tree(path: str) -> Path:
    """What a path of the page means."""
    return ROOT / path if path.startswith(("tests/", "docs/")) else ROOT / "mreg" / path


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of a table, without its heading."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def sentence(room: str) -> str:
    """The first sentence of the room's docstring."""
    path = in_tree(room)
    source = (path / "__init__.py" if path.is_dir() else path).read_text(encoding="utf-8")
    text = " ".join((ast.get_docstring(ast.parse(source)) or "").split())
    return text.partition(". ")[0].rstrip(".") + "."


def contracts() -> dict[str, dict[str, Any]]:
    """What may import what, by the ids of the rules."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {one["id"]: one for one in settings["tool"]["importlinter"]["contracts"]}


def layers() -> list[str]:
    """The rooms from the uppermost down."""
    return " | ".join(contracts()["layers"]["layers"]).split(" | ")


ROOMS = {cells[0].strip("`"): cells[1] for cells in list(rows(section("Rooms")))[1:]}


def test_every_room_is_named() -> None:
    modules = {path.name for path in (ROOT / "mreg").glob("*.py")} - {"__init__.py"}

    assert set(ROOMS) == folders("mreg") | modules


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_s_purpose_is_the_first_sentence_of_its_docstring(room: str) -> None:
    assert ROOMS[room] == sentence(room)


def test_rooms_are_in_the_order_in_which_imports_point() -> None:
    assert [room.removesuffix("/").removesuffix(".py") for room in ROOMS] == layers()


@pytest.mark.parametrize("contract", ["facade", "integrations"])
def test_what_uses_the_facade_may_use_no_room_between_it_and_plain_values(contract: str) -> None:
    below = layers()[layers().index("repository") + 1 :]
    forbidden = {room.removeprefix("mreg.") for room in contracts()[contract]["forbidden_modules"]}

    assert forbidden == set(below) - {"small_files", "values", "lazy"}


@pytest.mark.parametrize("path", sorted(set(PATHS)))
def test_every_file_that_is_named_exists(path: str) -> None:
    found = in_tree(path)

    assert list(found.parent.glob(found.name))


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_every_function_that_is_named_exists(name: str) -> None:
    file, _, inner = name.partition("::")
    body = ast.parse(in_tree(file).read_text(encoding="utf-8")).body

    for part in inner.split("."):
        found = [node for node in body if getattr(node, "name", None) == part]
        assert found, f"{file} has no {inner}"
        body = getattr(found[0], "body", [])


def test_folders_of_tests_are_rooms_or_suites_of_the_page() -> None:
    suites = set(re.findall(r"`tests/(\w+/)`", section("Tests").partition("| suite |")[2]))

    assert folders("tests") - folders("mreg") == suites
    assert folders("mreg") <= folders("tests")


def test_the_readme_and_the_decision_about_rooms_lead_to_the_page() -> None:
    assert "(docs/architecture.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(../architecture.md)" in (ROOT / "docs" / "adr" / "0014-rooms-and-decisions.md").read_text(encoding="utf-8")
