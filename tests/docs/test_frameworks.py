"""Blocks of the documentation that name packages run where these are installed (```python torch safetensors).

Packages are looked for in this environment, and where `make onnx`, `make frameworks` (which `make test` fetches) and
`make mlflow` install them. A block whose packages are nowhere is skipped, by name.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documented import ROOT, Block, Shell, check_python

from mreg.repository import Repository

INSTALLED = [ROOT / ".testdata" / name for name in ("onnx", "frameworks", "mlflow", "mlflow-newest")]


def snippets(page: Path) -> dict[str, Block]:
    """The blocks of the page that name packages, by these."""
    text = page.read_text(encoding="utf-8")
    fenced = re.compile(r"^```python ([\w ]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return {
        found[1]: Block("python", text.count("\n", 0, found.start()) + 2, found[2]) for found in fenced.finditer(text)
    }


SNIPPETS = [
    (page, packages, block)
    for page in sorted((ROOT / "docs").glob("*.md"))
    for packages, block in snippets(page).items()
]


def is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None or any((place / package).is_dir() for place in INSTALLED)


@pytest.mark.parametrize(
    ("page", "packages", "block"), SNIPPETS, ids=[f"{page.stem} {packages}" for page, packages, _ in SNIPPETS]
)
def test_a_block_that_needs_packages_does_what_it_shows(
    page: Path, packages: str, block: Block, tmp_path: Path
) -> None:
    missing = [package for package in packages.split() if not is_there(package)]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)}: run `make onnx frameworks mlflow-skinny mlflow`")
    Repository.init(tmp_path).close()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, INSTALLED)),
        "MREG_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
        # mlflow-skinny has no tracking in a database.
        **({} if is_there("sqlalchemy") else {"MLFLOW_TRACKING_URI": "file:runs", "MLFLOW_ALLOW_FILE_STORE": "true"}),
    }

    def run(text: str, line: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    check_python(Shell(tmp_path, ""), run, page, block)


def test_every_framework_that_is_promised_has_a_block() -> None:
    named = {package for _, packages, _ in SNIPPETS for package in packages.split()}

    assert named >= {"torch", "transformers", "sklearn", "keras", "onnxruntime"}
