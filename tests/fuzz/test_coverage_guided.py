"""The same as `test_parsers`, with inputs that atheris finds by watching which code they reach; and no input takes
more memory or time than libFuzzer is told to allow."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from targets import TARGETS

Count = Callable[[str, int], None]

HARNESS = Path(__file__).with_name("harness.py")
RUNS = 50_000
SECONDS = 20
LIMITS = ["-rss_limit_mb=1024", "-timeout=60", "-max_len=20000"]


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_that_atheris_finds_is_too_much(name: str, tmp_path: Path, count: Count) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("there is no atheris: no wheel of it for this Python, or not installed (`make fuzzer`)")
    options = [f"-runs={RUNS}", f"-max_total_time={SECONDS}", "-seed=1", *LIMITS, f"-artifact_prefix={tmp_path}/"]

    done = subprocess.run(
        [sys.executable, str(HARNESS), name, str(tmp_path / "corpus"), *options],
        capture_output=True,
        text=True,
        timeout=20 * SECONDS,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs and int(runs[1]) > 100, done.stderr[-1000:]
    count("damaged and hostile bytes", int(runs[1]))
