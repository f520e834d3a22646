"""An integration that cannot be loaded is told in a sentence, and breaks nothing else. With MLflow: its suite."""

from __future__ import annotations

from pathlib import Path

import broken
import pytest

EVERYTHING = {
    **{f"{name}.py": broken.SYNTAX for name in ("fsspec", "keras", "lightning", "torch", "transformers", "wandb")},
    "mlflow/__init__.py": broken.SYNTAX,
    "training.py": broken.MISSING,
}


def test_start_up_and_the_library_need_no_integration(tmp_path: Path) -> None:
    top = broken.copy(tmp_path, EVERYTHING)
    code = """
import mreg
import sys
from mreg.__main__ import main
mreg.Repository.init(".").log({"a": b"1"}, "digits")
sys.argv[1:] = ["resolve", "digits"]
print(main(), mreg.__file__, flush=True)
"""

    told = broken.python(top, code)

    assert told == f"digits:v0\n0 {top}/mreg/__init__.py\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (broken.SYNTAX, "SyntaxError: invalid syntax (fsspec.py, line 1)"),
        (broken.MISSING, "ModuleNotFoundError: No module named 'a_package_that_is_not_there'"),
    ],
)
def test_a_broken_adapter_is_told_by_fsspec_and_breaks_no_other_filesystem(
    tmp_path: Path, code: str, reason: str
) -> None:
    top = broken.copy(tmp_path, {"fsspec.py": code})
    script = """
import fsspec
with fsspec.open("memory://a", "w") as file:
    file.write("1")
try:
    fsspec.open("mreg://digits/a")
except Exception as error:
    print(type(error).__name__, error)
"""

    told = broken.python(top, script)

    words = f"mreg's adapter for fsspec cannot be loaded: {reason}."
    assert told == f"RuntimeError {words} Install it again: pip install --upgrade 'mreg[fsspec]'\n"


def test_integrations_whose_package_is_missing_say_what_to_install(tmp_path: Path) -> None:
    code = """
import importlib, sys
for name in ("fsspec", "keras", "lightning", "torch", "transformers"):
    sys.modules[name] = None
    try:
        importlib.import_module(f"mreg.integrations.{name}")
    except ImportError as error:
        print(error.name, "|", error)
"""

    told = [line.partition(" (")[0] + line.rpartition(")")[2] for line in broken.python(tmp_path, code).splitlines()]

    needs = "this integration of mreg needs {}, which cannot be loaded: pip install {}"
    assert told == [
        "fsspec.callbacks | " + needs.format("fsspec", "'mreg[fsspec]'"),
        "keras.callbacks | " + needs.format("Keras", "keras"),
        "lightning.pytorch | " + needs.format("Lightning", "lightning"),
        "torch | " + needs.format("PyTorch", "torch"),
        "transformers | " + needs.format("transformers", "transformers"),
    ]
