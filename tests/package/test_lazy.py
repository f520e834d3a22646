"""What is loaded when: little by little, and each module by the first who needs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mreg import lazy
from mreg.repository import Repository

HEAVY = ("numpy", "rich", "tomllib", "tomli_w", "pathspec", "sqlite3", "ctypes", "mreg.upkeep.gc")


def loaded_by(*command: str, folder: Path) -> set[str]:
    """The modules that are loaded when the command has ended."""
    program = "import sys; from mreg.cli.main import run; assert run(sys.argv[1:]) == 0; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_resolve_loads_nothing_that_only_other_commands_need(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    with Repository.init(tmp_path) as repo:
        repo.log(tmp_path / "weights", "net", aliases=["best"])

    loaded = loaded_by("resolve", "net:best", folder=tmp_path)

    assert "mreg.operations.resolve" in loaded
    assert not loaded & {*HEAVY, "typer"}
    assert not {name for name in loaded if name.startswith(("mreg.intake.", "mreg.checkout.", "mreg.upkeep."))}


def test_commands_that_change_names_or_files_load_no_filters_and_no_comparisons(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    Repository.init(tmp_path).close()

    logged = loaded_by("log", "weights", "--artifact", "net", folder=tmp_path)
    moved = loaded_by("alias", "set", "best", "net:v0", folder=tmp_path)

    assert "mreg.operations.log" in logged and "mreg.operations.aliases" in moved
    unneeded = {"mreg.values.filters.parser", "mreg.values.lineage", "mreg.values.front_matter"}
    assert not (logged | moved) & {*unneeded, "rich", "numpy", "mreg.upkeep.gc", "mreg.cli.commands.past"}
    assert "mreg.values.entities" not in moved


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        (
            "log weights --artifact net",
            {"concurrent.futures", "mreg.operations.interpreter", "mreg.checkout.ready_copies"},
        ),
        ("get net:v0", {"concurrent.futures", "mreg.operations.log", "mreg.intake.scan"}),
        ("show net:v0", {"mreg.operations.log", "mreg.intake.ingest", "mreg.checkout.ready_copies"}),
        ("history", {"mreg.operations.log", "mreg.intake.scan", "mreg.session.index", "mreg.values.filters.tree"}),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
def test_a_command_loads_nothing_that_only_others_need(command: str, unneeded: set[str], tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    with Repository.init(tmp_path) as repo:
        repo.log(tmp_path / "weights", "net")

    loaded = loaded_by(*command.split(), folder=tmp_path)

    assert "mreg.repository.versions" in loaded
    assert not loaded & {*unneeded, "typer", "rich", "numpy", "mreg.upkeep.gc", "mreg.values.transfers"}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with one module that can be loaded, and one that imports what there is not."""
    package = tmp_path / "some_room"
    package.mkdir()
    (package / "__init__.py").write_text("from mreg.lazy import modules_of\n__getattr__ = modules_of(__name__)\n")
    (package / "sound.py").write_text("number = 7\n")
    (package / "broken.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package.name
    for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
        del sys.modules[name]


def test_a_module_of_a_room_is_loaded_when_it_is_first_used(room: str) -> None:
    package = lazy.load(room)
    assert f"{room}.sound" not in sys.modules

    number = package.sound.number

    assert number == 7 and f"{room}.sound" in sys.modules


def test_what_is_no_module_of_a_room_is_no_attribute_of_it(room: str) -> None:
    package = lazy.load(room)

    assert not hasattr(package, "missing") and not hasattr(package, "__wrapped__")


def test_a_module_that_cannot_be_loaded_says_why(room: str) -> None:
    package = lazy.load(room)

    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        _ = package.broken
