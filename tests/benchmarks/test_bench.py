"""That `make bench` measures. How long anything takes is not asserted: that is for people to look at."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parent / "run.py"
ROWS = {"start-up": 6, "deduplication": 2, "one file": 4, "many files": 4}


def test_every_row_is_a_finite_number_and_nothing_is_left_behind(tmp_path: Path) -> None:
    scratch, result = tmp_path / "scratch", tmp_path / "result.json"
    scratch.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch)}

    done = subprocess.run(
        [sys.executable, str(RUN), "--rounds", "1", "--tiny", "--json", str(result)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    document = json.loads(result.read_text())
    rows = document["rows"]
    assert {group: sum(row["group"] == group for row in rows) for group in ROWS} == ROWS
    for row in rows:
        figures = [row[key] for key in ("measured", "bound", "ratio", "low", "high")] + list(row["more"].values())
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures), row
        assert row["name"] in done.stdout
    # Bytes are the same each time, so here the target may be asked for.
    assert all(row["ratio"] <= row["target"] for row in rows if row["unit"] == "bytes")
    assert list(scratch.iterdir()) == []


def test_one_group_can_be_measured_alone() -> None:
    done = subprocess.run(
        [sys.executable, str(RUN), "--rounds", "1", "--tiny", "--only", "deduplication"],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert "90 % frozen" in done.stdout
    assert "start-up" not in done.stdout
