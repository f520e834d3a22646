"""Errors: what a class declares is what its sentence says, what a type checker checks, and what survives a pickle."""

from __future__ import annotations

import pickle
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from documented import defined_errors

from mreg.values.errors import Failed, Incomplete, MregError, NotFound
from mreg.values.hints import HINTS

ROOT = Path(__file__).parents[2]

CALLS = """\
from mreg.operations.expect import AliasMoved
from mreg.checkout.ready_copies import NoCache
from mreg.operations.files import UnknownFile
from mreg.session.config import DamagedSetting
from mreg.values.errors import InvalidInput

AliasMoved(name="mnist", alias="best", expected="v1", found="v2")
DamagedSetting(name="gc.grace", reason="it is no age")
UnknownFile(version="mnist:v0", path="model.pt", near=["modell.pt"])
NoCache()

AliasMoved(name="mnist", alias="best", expected="v1")  # type: ignore[call-arg]  # one is missing
AliasMoved(name="mnist", alias="best", expected="v1", found="v2", who="ada")  # type: ignore[call-arg]  # not declared
AliasMoved(name="mnist", alias="best", expected=1, found="v2")  # type: ignore[arg-type]
AliasMoved("mnist", "best", "v1", "v2")  # type: ignore[call-arg]
DamagedSetting(reason="it is no age")  # type: ignore[call-arg]
NoCache(path="model.pt")  # type: ignore[call-arg]
InvalidInput(message="no class of its own")  # type: ignore[call-arg]
"""


def error_classes() -> list[type[MregError]]:
    """All that are raised as they are, in a fixed order."""
    found = [error for error in defined_errors() if error.template != MregError.template]
    return sorted(found, key=lambda error: error.__qualname__)


def declared(error: type[MregError]) -> dict[str, Any]:
    """The facts of the class and of those above it, each with its type as it is written."""
    return {
        name: kind
        for above in reversed(error.__mro__)
        if above is not MregError and issubclass(above, MregError)
        for name, kind in vars(above).get("__annotations__", {}).items()
    }


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def example(error: type[MregError]) -> MregError:
    """An error of this class, with some value for each fact."""
    values: dict[str, Any] = {"str": "text", "int": 7, "float": 1.5, "Sequence[str]": ["one", "two"]}
    return error(**{name: values[getattr(kind, "__name__", kind)] for name, kind in declared(error).items()})


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_sentence_and_hint_of_an_error_use_facts_that_it_declares(error: type[MregError]) -> None:
    facts = set(declared(error))

    assert placeholders(error.template) <= facts
    assert placeholders(HINTS.get(error.code, "")) <= facts


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_an_error_that_was_pickled_has_its_class_sentence_and_facts(error: type[MregError]) -> None:
    raised = example(error)

    loaded = pickle.loads(pickle.dumps(raised))

    assert type(loaded) is error and str(loaded) == str(raised) and loaded.facts == raised.facts
    assert all(getattr(loaded, name) == value for name, value in raised.facts.items())


def test_an_attribute_that_is_no_fact_is_refused() -> None:
    error = example(NotFound.__subclasses__()[0])

    with pytest.raises(AttributeError):
        _ = error.no_such_fact


def test_what_is_not_found_has_no_near_names_unless_it_states_some() -> None:
    from mreg.session.trust import UnknownUserSetting

    error = UnknownUserSetting(name="safe.directry")

    assert error.near == () and error.facts == {"name": "safe.directry"}


def test_errors_after_a_change_are_told_from_those_before_one() -> None:
    made = {error.code for error in error_classes() if issubclass(error, Incomplete)}

    assert made == {"uncertain", "unfinished", "unsure-write", "not-all-shared", "output-failed", "partly-imported"}
    assert issubclass(Incomplete, Failed)


def test_mypy_checks_the_facts_of_every_call(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(CALLS, encoding="utf-8")

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
