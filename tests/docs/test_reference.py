"""The reference is what the code says, and the code says enough."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mreg.cli import exit_codes
from mreg.cli.exit_codes import MEANINGS
from mreg.cli.parser import root
from mreg.cli.registry import COMMANDS, Entry
from mreg.values import errors
from mreg.values.hints import HINTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entries(commands: dict[str, Entry], above: str = "") -> Iterator[tuple[str, Entry]]:
    for name, entry in commands.items():
        if entry.group is not None:
            yield from entries(entry.group, f"{above}{name} ")
        else:
            yield above + name, entry


EVERY = dict(entries(COMMANDS))


def command_of(words: str) -> tuple[Any, Any]:
    """The command, and the context in which it runs."""
    command = root()
    context = command.make_context("mreg", [], resilient_parsing=True)
    for word in words.split():
        command = command.get_command(context, word)
        context = command.make_context(word, [], parent=context, resilient_parsing=True)
    return command, context


def test_reference_is_up_to_date(generate: ModuleType) -> None:
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == generate.page(), "run `make docs`"


def test_reference_has_every_command_and_exit_code(generate: ModuleType) -> None:
    page = generate.page()
    assert set(re.findall(r"^### mreg (.+)$", page, re.MULTILINE)) == set(EVERY)
    for code, meaning in MEANINGS.items():
        assert "| {} | {} |".format(code, meaning.replace("|", "\\|")) in page


@pytest.mark.parametrize("words", EVERY)
def test_command_explains_itself(words: str) -> None:
    command, context = command_of(words)
    assert inspect.getdoc(command.callback)
    for parameter in command.get_params(context):
        assert parameter.help, f"{words}: {parameter.name} has no help text"
        assert parameter.param_type_name == "option" or parameter.metavar, f"{words}: {parameter.name} has no name"


@pytest.mark.parametrize("words", EVERY)
def test_line_in_the_list_of_commands_is_one_sentence(words: str) -> None:
    assert re.fullmatch(r"[A-Z][^.]*\.", EVERY[words].help)


def test_every_hint_belongs_to_an_error(generate: ModuleType) -> None:
    codes = {error.code for error in generate.error_classes()}
    assert set(HINTS) <= codes, "a hint for an error that does not exist"


def test_no_two_errors_share_a_code(generate: ModuleType) -> None:
    codes = [error.code for error in generate.error_classes()]
    assert sorted(codes) == sorted(set(codes))


def test_every_environment_variable_is_documented(generate: ModuleType) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "mreg").rglob("*.py"))
    read = set(re.findall(r"environ(?:\.get\(|\[)\s*\"(\w+)\"", code)) | set(re.findall(r"\bMREG_[A-Z]+\b", code))
    documented = generate.environment()
    missing = {name for name in read if f"`{name}`" not in documented and f"${name}" not in documented}
    assert not missing


def test_the_page_on_python_has_the_exit_codes_of_the_table() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")

    told = {name: int(code) for name, code in re.findall(r"^\| `mreg\.(\w+)` \|.*\| (\d+) \|$", page, re.MULTILINE)}

    kinds = (errors.Failed, errors.InvalidInput, errors.NotFound, errors.Conflict, errors.Damaged, errors.Refused)
    assert told == {kind.__name__: exit_codes.of(kind) for kind in kinds}
