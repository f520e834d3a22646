"""Two runs of the command line in one process know nothing of one another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mreg.cli.main import run
from mreg.repository import Repository


def test_options_of_a_run_do_not_reach_one_around_it(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = Repository.resolve

    def resolve_beside_another_run(self: Repository, reference: str) -> Any:
        monkeypatch.setattr(Repository, "resolve", resolve)
        assert run(["--json", "--quiet", "resolve", "digits:v0"]) == 0
        return resolve(self, reference)

    monkeypatch.setattr(Repository, "resolve", resolve_beside_another_run)

    result = filled("resolve", "digits:best")

    document, line = result.out.splitlines()
    assert (result.code, line) == (0, json.loads(document)["name"])
