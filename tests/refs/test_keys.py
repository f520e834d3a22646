"""Keys of refs are spelt in one module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import mreg

ROOT = Path(mreg.__file__).parent
SPELL = {
    "refs/keys.py",
    "session/glance.py",  # for the tab key, which has no time to load that one
    "importers/wandb.py",  # folders of W&B
}
KEY = re.compile(r"(artifacts|registered|aliases|runs)(/|0$)|.*(artifact|model)\.toml|.*links#", re.DOTALL)


def texts(tree: ast.AST) -> Iterator[str]:
    """The texts in a module that are no docstrings."""
    said = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def test_no_other_module_knows_how_a_key_is_spelt() -> None:
    found = {
        str(path.relative_to(ROOT)): spelt
        for path in ROOT.rglob("*.py")
        if (spelt := [text for text in texts(ast.parse(path.read_text(encoding="utf-8"))) if _has_key(text)])
    }

    assert found.keys() - SPELL == set(), found


def _has_key(text: str) -> bool:
    return KEY.match(text) is not None or re.search(r"'(artifacts|registered|aliases|runs)[/0]", text) is not None
