"""What `import mreg` gives: the same at run time and to type checkers, and every type that a method hands out."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import mreg
from mreg.repository import Repository

ROOT = Path(__file__).parents[2]


def returned(annotation: Any) -> Iterator[type]:
    """The classes of mreg in the annotation, and in the fields of these."""
    if isinstance(annotation, type) and annotation.__module__.startswith("mreg."):
        yield annotation
        if annotation is not Repository:
            for field in fields_of(annotation):
                yield from returned(field)
    for argument in typing.get_args(annotation):
        yield from returned(argument)


def fields_of(kind: type) -> Iterator[Any]:
    if hasattr(kind, "_fields"):
        yield from hints(kind).values()
    for value in vars(kind).values():
        if isinstance(value, property):
            yield hints(value.fget)["return"]


def hints(annotated: Any) -> dict[str, Any]:
    """The annotations, also those of names that the module imports for type checkers only."""
    module = sys.modules[annotated.__module__]
    public = {name: getattr(mreg, name) for name in mreg.__all__}
    return typing.get_type_hints(annotated, {**public, "datetime": datetime, **vars(module)}, {})


def public_methods() -> Iterator[Any]:
    for name, value in inspect.getmembers_static(Repository):
        if not name.startswith("_"):
            yield value.fget if isinstance(value, property) else inspect.unwrap(getattr(Repository, name))
    for name in mreg.__all__:
        if inspect.isfunction(getattr(mreg, name)):
            yield getattr(mreg, name)


def test_every_type_that_a_public_method_returns_is_public() -> None:
    missing = {
        f"{kind.__module__}.{kind.__qualname__}"
        for method in public_methods()
        for kind in returned(hints(method)["return"])
        if getattr(mreg, kind.__name__, None) is not kind
    }

    assert not missing
    assert Repository.fsck in set(public_methods()), "those of every part of the facade"
    assert mreg.Finding in set(returned(hints(Repository.fsck)["return"])), "fields are looked at too"


def test_type_checkers_are_told_of_the_same_modules_as_the_run_time() -> None:
    tree = ast.parse(Path(mreg.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
    told = [node.module for node in imports if [name.name for name in node.names] == ["*"]]

    assert sorted(told) == sorted(mreg._PUBLIC)


def test_every_public_name_is_listed_once() -> None:
    assert len(mreg.__all__) == len(set(mreg.__all__))
    assert set(mreg.__all__) == set(dir(mreg))


def test_mypy_finds_every_public_name(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    names = [name for name in mreg.__all__ if name != "__version__"]
    known = "".join(f"mreg.{name}\n" for name in names)
    program.write_text(f"import mreg\n{known}mreg.Index  # type: ignore[attr-defined]\n", encoding="utf-8")

    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_name_that_is_not_public_is_refused() -> None:
    assert not hasattr(mreg, "Context")


def test_importing_mreg_loads_nothing_of_it_before_it_is_used() -> None:
    program = "import sys, mreg; print(*sorted(name for name in sys.modules if name.startswith('mreg')))"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == ["mreg", "mreg.lazy"]


def test_a_kind_of_error_is_had_without_the_rest() -> None:
    program = "import sys, mreg; mreg.NotFound; print('mreg.repository' in sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert loaded == "False\n"
