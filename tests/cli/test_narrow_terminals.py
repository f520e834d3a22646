"""What a person reads at 40 and 80 columns: lines are wrapped between words, and nothing that matters is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save


def lines(mreg: Any, width: int, *command: str) -> list[str]:
    shown = mreg.terminal(*command, environment={"COLUMNS": str(width), "NO_COLOR": "1"})
    assert shown.code == 0, shown
    found: list[str] = shown.out.splitlines()
    return found


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_files_of_a_version_are_a_table(filled: Any, width: int) -> None:
    # when
    short, full = lines(filled, width, "files", "digits:v0"), lines(filled, width, "files", "digits:v0", "--full")
    piped = filled.must("files", "digits:v0").splitlines()

    # then
    digest = piped[0].split("\t")[0]
    assert short[0].split() == ["digest", "size", "path"]
    assert short[1].split() == [digest[:12], "2", "B", "config/arch.json"]
    assert max(map(len, short)) <= width
    assert len(digest) == 64 and any(digest in line for line in full)
    assert filled.must("files", "digits:v0", "--full").splitlines() == piped


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_history_is_wrapped(filled: Any, width: int) -> None:
    # given
    filled.must("alias", "set", "prod", "Classifier:v0", "-m", "canary was clean for 24 hours, and nobody complained")
    filled.must("tag", "add", "Classifier", "a-rather-long-tag", "another-long-tag", "-m", "words " * 20)

    # when
    shown = lines(filled, width, "history")

    # then
    assert max(len(line) for line in shown if not line.startswith("`")) <= width
    text = " ".join(" ".join(shown).split())
    assert "tags of Classifier: + a-rather-long-tag, + another-long-tag" in text
    assert "words " * 19 in text


@pytest.mark.parametrize("width", [40, 80])
def test_digests_are_wrapped_and_whole(filled: Any, width: int) -> None:
    digest = filled("--json", "show", "digits:v0").json["digest"]

    shown = lines(filled, width, "show", "digits:v0")

    assert max(map(len, shown)) <= width
    assert digest in "".join(line.removeprefix("digest").strip() for line in shown)


def test_the_meaning_of_a_setting_is_not_cut(mreg: Any) -> None:
    for width in (40, 80):
        shown = lines(mreg, width, "config", "ls")
        assert max(map(len, shown)) <= width
        assert "…" not in "".join(shown)
        assert "how long gc keeps unreachable data" in " ".join(" ".join(line[20:] for line in shown).split())


@pytest.mark.parametrize("width", [40, 60, 140])
def test_tensors_that_fit_no_line_take_several(mreg: Any, model: Callable[..., str], width: int) -> None:
    # given
    name = "model.layers.10.self_attn.q_proj.weight"
    for number, scale in enumerate((1, 2)):
        weights = np.arange(1, 5001, dtype="f4") * scale
        mreg.must("log", model(f"m{number}", {"m.safetensors": save({name: weights})}), "-a", "net")

    # when
    shown = lines(mreg, width, "diff", "net:v0", "net:v1", "--tensors")

    # then
    assert max(len(line) for line in shown if name not in line and "->" not in line) <= width
    assert any(name in line for line in shown)
    assert "[5000]" in " ".join(shown) and "100 %" in " ".join(shown)
