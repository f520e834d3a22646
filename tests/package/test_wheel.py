"""What people install: a wheel built from the source distribution, alone in a new environment.

The packages that it is built with and needs are those that `make testdata` has fetched.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from documented import ROOT, Shell, blocks, check_console, check_python

SECONDS = 600

PROGRAM = """\
import mreg
from mreg.storage import Storage


def newest(repository: mreg.Repository, name: str) -> mreg.Version | None:
    return max(repository.versions(name), key=lambda version: version.created, default=None)


def swept(repository: mreg.Repository) -> int:
    found: mreg.Swept = repository.gc(dry_run=True)
    return found.bytes


def damaged(repository: mreg.Repository) -> list[str]:
    report: mreg.Report = repository.fsck()
    return [finding.what for finding in report.findings]


def opened(storage: Storage) -> str:
    with mreg.Repository.open_storage(storage, "a place") as repository:
        return repository.resolve("net").digest


def near(repository: mreg.Repository) -> list[str]:
    try:
        repository.use("mnits")
    except mreg.NotFound as error:
        return list(error.near)
    return []


# What would pass if the types were not known.
def wrong(repository: mreg.Repository) -> None:
    repository.log("ckpt")  # type: ignore[call-arg]
    repository.setting(7)  # type: ignore[arg-type]
    repository.resolve("net").number.name  # type: ignore[attr-defined]
"""


class Installed(NamedTuple):
    """An environment in which there is nothing but the wheel and what it needs."""

    folder: Path
    sdist: Path
    wheel: Path

    @property
    def scripts(self) -> Path:
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        return self.scripts / "python"


def run(*command: str | Path, **options: str | Path | dict[str, str]) -> str:
    """What it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def shown(page: Path) -> str:
    """The Python of the page."""
    return "".join(block.text for block in blocks(page) if block.language == "python")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, testdata: Callable[[str], Path]) -> Installed:
    place, packages = tmp_path_factory.mktemp("wheel"), testdata("packages")
    tools, built, fresh = place / "tools", place / "built", place / "fresh"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    here = ["--no-index", "--find-links", packages]
    with_tools = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tools)}
    run(*pip, "install", *here, "--target", tools, "hatchling")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", built, cwd=ROOT, env=with_tools)
    (sdist,) = built.glob("*.tar.gz")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", *here, "--wheel-dir", built, sdist, env=with_tools)
    (wheel,) = built.glob("*.whl")
    venv.create(fresh)
    run(*pip, "--python", fresh / "bin" / "python", "install", *here, wheel)
    return Installed(fresh, sdist, wheel)


def test_the_wheel_has_all_modules_and_says_that_it_is_typed(installed: Installed) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "mreg").rglob("*.py")}

    with zipfile.ZipFile(installed.wheel) as archive:
        names = set(archive.namelist())

    assert names >= modules | {"mreg/py.typed"}
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"mreg"}, "nothing beside the package"


def test_the_source_distribution_has_the_tests(installed: Installed) -> None:
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"README.md", "LICENSE", "Makefile", "pyproject.toml", "tests/conftest.py"} <= names
    assert not any(name.startswith((".testdata", ".venv")) for name in names)


def test_a_program_is_type_checked_against_the_wheel(installed: Installed, tmp_path: Path) -> None:
    programs = {
        "program.py": PROGRAM,
        "readme.py": shown(ROOT / "README.md"),
        "page.py": shown(ROOT / "docs/python.md"),
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", installed.python]
    told = run(*mypy, "--cache-dir", tmp_path / "cache", *programs, cwd=tmp_path)

    assert "no issues found in 3 source files" in told


def test_the_tour_of_the_readme_works_with_the_wheel(installed: Installed, tmp_path: Path) -> None:
    page = ROOT / "README.md"
    shell = Shell(tmp_path.resolve(), str(installed.scripts))
    where = run(installed.python, "-c", "import mreg; print(mreg.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(installed.folder)

    def run_python(text: str, line: int) -> str:
        return run(installed.python, "-c", text, cwd=shell.folder, env=shell.environment)

    for block in blocks(page):
        if block.language == "console":
            check_console(shell, page, block)
        else:
            check_python(shell, run_python, page, block)
