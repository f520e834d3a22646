"""onnx, which refuses external data with several hard links, loads every copy that `use` hands out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.repository import Repository

ONNX = Path(__file__).parents[2] / ".testdata" / "onnx"
"""Where `make onnx` installs it, beside the packages of mreg and not among them."""

SAVE = """
import numpy, onnx
from onnx import helper, numpy_helper
weights = numpy_helper.from_array(numpy.ones((64, 64), numpy.float32), "w")
x, y = (helper.make_tensor_value_info(name, 1, [1, 64]) for name in "xy")
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
onnx.save_model(helper.make_model(graph), "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
"""
LOAD = "import onnx; onnx.load('m.onnx')"


def run(program: str, folder: str | Path) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(ONNX)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", start + program], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def logged(repo: Repository, folder: Callable[..., str]) -> Repository:
    """Two versions with the same weights."""
    if not (ONNX / "onnx").is_dir():
        pytest.skip("there is no onnx: run `make onnx`")
    for number in range(2):
        at = folder({"number": b"%d" % number})
        assert run(SAVE, at).returncode == 0
        repo.log(at, "net")
    return repo


def test_every_copy_is_loaded_also_after_a_later_use(logged: Repository) -> None:
    copies = [logged.use("net:v0"), logged.use("net:v1")]

    assert [run(LOAD, copy).stderr for copy in copies] == ["", ""]


def test_copies_with_hard_links_are_refused(logged: Repository) -> None:
    logged.set_setting("use.hard-links", "true")

    assert "hard link" in run(LOAD, logged.use("net:v0")).stderr
