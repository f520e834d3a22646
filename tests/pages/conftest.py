"""Repositories to make pages of."""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg import Repository

BROWSER = Path(__file__).parents[2] / ".testdata" / "browser"

HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><svg onload=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "&lt;b&gt; &amp;",
    "\u202egnp.exe",
    "{{7*7}} ${7*7} <!-- -->",
]


def safetensors(tensors: dict[str, bytes]) -> bytes:
    """A file of tensors of bytes, each of one dimension."""
    header: dict[str, Any] = {}
    data = b""
    for name, values in tensors.items():
        header[name] = {"dtype": "U8", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture
def registry(repo: Repository) -> Repository:
    """An artifact with four versions, made from another, linked in a model with a card."""
    repo.log({"w.safetensors": safetensors({"a": bytes(99), "b": bytes(99)})}, "base", message="pretrained")
    for step in range(4):
        tensors = {"a": bytes(99), "b": bytes([step]) * 99, **({"c": b"new"} if step == 3 else {})}
        repo.log(
            {"w.safetensors": safetensors(tensors), f"log-{step}.txt": b"text"},
            "mnist",
            message=f"step {step}",
            metadata={"metrics": {"acc": 0.5 + step / 10, "loss": math.exp(-step)}, "params": {"lr": 0.1}},
            inputs=["base:v0"],
            aliases=["best"] if step in (1, 3) else [],
            run=f"train-{step}",
        )
    repo.link("mnist:v1", "digits", aliases=["production"])
    repo.link("mnist:v3", "digits", aliases=["production"], message="better")
    repo.add_tags("digits", ["vision"])
    repo.set_card("digits", "---\nlicense: mit\n---\n# Digits\n\nReads *digits*.\n")
    return repo


@pytest.fixture
def hostile(repo: Repository) -> Repository:
    """Whatever people may write, written by somebody who means harm."""
    for number, text in enumerate(HOSTILE):
        repo.log(
            {f"{number}{text.replace('/', ':')}.bin": b"x", "w.safetensors": safetensors({text: b"x"})},
            "net",
            message=text,
            metadata={"metrics": {text.replace(".", ""): number / 10}, "note": text, "list": [text, {text: text}]},
            run="run-1",
            aliases=[f"a{number}"],
        )
    repo.link("net:v0", "model", message=HOSTILE[0])
    repo.describe("net", HOSTILE[1])
    repo.set_card("model", "\n\n".join([*HOSTILE, f"[text]({HOSTILE[5]})", "![x](https://example.org/x.png)"]))
    return repo


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser (`make browser`)."""
    if not BROWSER.exists():
        if os.environ.get("CI") == "true" or os.environ.get("MREG_TESTDATA") == "required":
            pytest.fail("no browser: run `make browser`")
        pytest.skip("no browser: run `make browser`")
    sys.path.insert(0, str(BROWSER))
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            yield browser
            browser.close()
    finally:
        sys.path.remove(str(BROWSER))


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """The page of a repository, or the first of its pages."""

    def written(repo: Repository, name: str = "report.html") -> Path:
        repo.html(tmp_path / name, title="Our models")
        return tmp_path / name if name.endswith(".html") else tmp_path / name / "index.html"

    return written
